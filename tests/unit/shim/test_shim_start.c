/* SPDX-License-Identifier: Apache-2.0
 *
 * What the start verb is made of: the socket's name and life, grouping, standard input, options.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "containerd/runc/v1/oci.pb-c.h"
#include "containerd/runtime/bootstrap/v1/bootstrap.pb-c.h"

#include "base/fd.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/address.h"
#include "shim/bootstrap.h"
#include "tree.h"

static void names_the_socket_by_the_shared_rule(void **state)
{
	/* echo -n /run/containerd/containerd.sock/default/a1 | sha256sum */
	AUTO_FREE char *path = address_path("/run/containerd/s", "/run/containerd/containerd.sock",
					    "default", "a1");

	(void)state;
	assert_string_equal(path,
			    "/run/containerd/s/"
			    "b06fb43eabae9be14ad6cef61010a9864cc528f35c3a86047fec37b2a165f5a2");
}

static void replaces_a_dead_socket_and_spares_a_live_one(void **state)
{
	char dir[] = "/tmp/ctr-address-XXXXXX";
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = str_printf("%s/s", dir);
	fd = address_listen(path);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(address_is_live(path));
	assert_int_equal(address_listen(path), -EEXIST);
	fd_close(&fd);
	assert_false(address_is_live(path));
	fd = address_listen(path);
	assert_true(fd >= 0);
	assert_int_equal(tree_remove(dir), 0);
}

static void groups_by_annotation(void **state)
{
	static const struct {
		const char *json, *group;
	} cases[] = {
		{ "{\"annotations\":{\"io.containerd.runc.v2.group\":\"g\",\"io.kubernetes.cri."
		  "sandbox-id\":\"s\"}}",
		  "g" },
		{ "{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"s\"}}", "s" },
		{ "{\"annotations\":{}}", NULL },
		{ "{}", NULL },
		{ "[", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *group = group_from_config(cases[i].json, strlen(cases[i].json));

		if (cases[i].group)
			assert_string_equal(group, cases[i].group);
		else
			assert_null(group);
	}
}

/* Options in an Any, packed. */
static void options_any(Google__Protobuf__Any *any)
{
	Containerd__Runc__V1__Options o;
	static char crun[] = "crun", root[] = "/r", group[] = "/shims";

	containerd__runc__v1__options__init(&o);
	o.binary_name = crun;
	o.root = root;
	o.shim_cgroup = group;
	o.systemd_cgroup = 1;
	o.io_uid = 7;
	assert_int_equal(pb_any_pack(&o, 4096, any), 0);
}

static void reads_nothing_an_any_or_params(void **state)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Containerd__Runtime__Bootstrap__V1__BootstrapParams p =
		CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_PARAMS__INIT;
	Containerd__Runtime__Bootstrap__V1__Extension e =
		CONTAINERD__RUNTIME__BOOTSTRAP__V1__EXTENSION__INIT;
	Containerd__Runtime__Bootstrap__V1__Extension *extensions[] = { &e };
	static char id[] = "a1", ttrpc[] = "/t.sock", grpc[] = "/g.sock", dir[] = "/s";
	AUTO_BOOTSTRAP none = { 0 };
	AUTO_BOOTSTRAP old = { 0 };
	AUTO_BOOTSTRAP new = { 0 };
	void *data;
	size_t n;

	(void)state;
	assert_int_equal(bootstrap_decode("", 0, "a1", &none, NULL), CTR_OK);
	assert_int_equal(none.params, 0);
	assert_string_equal(none.options.binary, "");
	options_any(&any);
	assert_int_equal(pb_pack(&any, 4096, &data, &n), 0);
	assert_int_equal(bootstrap_decode(data, n, "a1", &old, NULL), CTR_OK);
	free(data);
	assert_int_equal(old.params, 0);
	assert_string_equal(old.options.shim_cgroup, "/shims");
	p.instance_id = id;
	p.containerd_ttrpc_address = ttrpc;
	p.containerd_grpc_address = grpc;
	p.socket_dir = dir;
	p.log_level = CONTAINERD__RUNTIME__BOOTSTRAP__V1__LOG_LEVEL__LOG_LEVEL_DEBUG;
	e.value = &any;
	p.extensions = extensions;
	p.n_extensions = 1;
	assert_int_equal(pb_pack(&p, 4096, &data, &n), 0);
	assert_int_equal(bootstrap_decode(data, n, "a1", &new, NULL), CTR_OK);
	free(data);
	assert_int_equal(new.params, 1);
	assert_int_equal(new.debug, 1);
	assert_string_equal(new.ttrpc_address, "/t.sock");
	assert_string_equal(new.grpc_address, "/g.sock");
	assert_string_equal(new.socket_dir, "/s");
	assert_string_equal(new.options.binary, "crun");
	assert_int_equal(new.options.uid, 7);
	pb_any_done(&any);
}

static void refuses_other_input(void **state)
{
	AUTO_ERROR err = ERROR_INIT;
	struct bootstrap b;

	(void)state;
	assert_int_equal(bootstrap_decode("\xff\xff", 2, "a1", &b, &err), CTR_INVALID_ARGUMENT);
	assert_int_equal(bootstrap_decode("\x0a\x01x", 3, "a1", &b, &err), CTR_INVALID_ARGUMENT);
	assert_string_equal(error_text(&err), "runtime options of type 'x' are not known");
}

static void answers_params_as_containerd_expects(void **state)
{
	void *data;
	size_t n;

	(void)state;
	assert_int_equal(bootstrap_result("unix:///s", &data, &n), 0);
	assert_int_equal(n, 2 + 2 + 9 + 2 + 5);
	assert_memory_equal(data, "\x08\x03\x12\x09unix:///s\x1a\x05ttrpc", n);
	free(data);
}

static void options_survive_in_the_bundle(void **state)
{
	char dir[] = "/tmp/ctr-options-XXXXXX";
	AUTO_CLOSE int fd = -1;
	static char binary[] = "crun", root[] = "/r \"q\"", none[] = "";
	const struct options o = {
		.binary = binary, .root = root, .shim_cgroup = none, .systemd_cgroup = 1
	};
	AUTO_OPTIONS got = { 0 };
	AUTO_OPTIONS defaults = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(options_load(fd, &defaults), 0);
	assert_string_equal(defaults.binary, "");
	assert_int_equal(options_save(fd, &o), 0);
	assert_int_equal(options_load(fd, &got), 0);
	assert_string_equal(got.binary, "crun");
	assert_string_equal(got.root, "/r \"q\"");
	assert_int_equal(got.systemd_cgroup, 1);
	assert_int_equal(tree_remove(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_socket_by_the_shared_rule),
		cmocka_unit_test(replaces_a_dead_socket_and_spares_a_live_one),
		cmocka_unit_test(groups_by_annotation),
		cmocka_unit_test(reads_nothing_an_any_or_params),
		cmocka_unit_test(refuses_other_input),
		cmocka_unit_test(answers_params_as_containerd_expects),
		cmocka_unit_test(options_survive_in_the_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
