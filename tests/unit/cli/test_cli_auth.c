/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of registry credentials: stored 0600, found under every key in use, the rest of the file
 * kept.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/auth.h"

struct home {
	char path[64], variable[96], file[96];
	char *envp[2];
	struct cli c;
};

static int setup(void **state)
{
	struct home *h = calloc(1, sizeof(*h));

	memcpy(h->path, "/tmp/ctr-auth-XXXXXX", 21);
	if (!mkdtemp(h->path))
		return -1;
	(void)snprintf(h->variable, sizeof(h->variable), "DOCKER_CONFIG=%s", h->path);
	(void)snprintf(h->file, sizeof(h->file), "%s/config.json", h->path);
	h->envp[0] = h->variable;
	h->c.envp = h->envp;
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct home *h = *state;
	int bad = remove_flat(h->path);

	free(h);
	return bad;
}

static void put(struct home *h, const char *text)
{
	int fd = open(h->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static void what_is_stored_is_found(void **state)
{
	struct home *h = *state;
	AUTO_CREDENTIAL k = { 0 };
	AUTO_CREDENTIAL gone = { 0 };
	struct stat st;

	assert_int_equal(auth_find(&h->c, "reg.example:5000", &k, NULL), CTR_NOT_FOUND);
	assert_int_equal(auth_store(&h->c, "reg.example:5000", "me", "p:w", NULL), CTR_OK);
	assert_int_equal(auth_find(&h->c, "reg.example:5000", &k, NULL), CTR_OK);
	assert_string_equal(k.username, "me");
	assert_string_equal(k.secret, "p:w");
	assert_int_equal(stat(h->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(auth_forget(&h->c, "reg.example:5000", NULL), CTR_OK);
	assert_int_equal(auth_find(&h->c, "reg.example:5000", &gone, NULL), CTR_NOT_FOUND);
	assert_int_equal(auth_forget(&h->c, "reg.example:5000", NULL), CTR_NOT_FOUND);
}

static void the_hub_has_its_old_key_and_the_rest_stays(void **state)
{
	struct home *h = *state;
	AUTO_FREE char *text = NULL;
	AUTO_CREDENTIAL k = { 0 };

	put(h, "{\"detachKeys\":\"ctrl-x\",\"auths\":{\"https://other/v2/"
	       "\":{\"identitytoken\":\"tok\"}}}");
	assert_int_equal(auth_store(&h->c, "docker.io", "me", "pw", NULL), CTR_OK);
	assert_int_equal(io_read_file(AT_FDCWD, h->file, 65536, &text, NULL), 0);
	assert_non_null(strstr(text, "https://index.docker.io/v1/"));
	assert_non_null(strstr(text, "detachKeys"));
	assert_null(strstr(text, "pw\""));
	assert_int_equal(auth_find(&h->c, "other", &k, NULL), CTR_OK);
	assert_true(k.is_token);
	assert_string_equal(k.secret, "tok");
}

static void broken_files_are_errors(void **state)
{
	static const char *const texts[] = { "{", "[]", "nonsense" };
	struct home *h = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO_CREDENTIAL k = { 0 };

		put(h, texts[i]);
		assert_int_equal(auth_find(&h->c, "x", &k, NULL), CTR_INVALID_ARGUMENT);
		assert_int_equal(auth_store(&h->c, "x", "a", "b", NULL), CTR_INVALID_ARGUMENT);
	}
}

static void an_entry_that_does_not_decode_is_none(void **state)
{
	struct home *h = *state;
	AUTO_CREDENTIAL k = { 0 };

	put(h, "{\"auths\":{\"x\":{\"auth\":\"!!!\"},\"y\":{\"auth\":\"bm9jb2xvbg==\"},\"z\":{}}}");
	assert_int_equal(auth_find(&h->c, "x", &k, NULL), CTR_NOT_FOUND);
	assert_int_equal(auth_find(&h->c, "y", &k, NULL), CTR_NOT_FOUND);
	assert_int_equal(auth_find(&h->c, "z", &k, NULL), CTR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_stored_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(the_hub_has_its_old_key_and_the_rest_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(broken_files_are_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(an_entry_that_does_not_decode_is_none, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
