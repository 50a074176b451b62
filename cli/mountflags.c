/* SPDX-License-Identifier: Apache-2.0
 *
 * --volume and --tmpfs as mounts of the spec.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/create.h"

static ctr_code add(struct spec_input *in, const char *flag, const char *type, const char *source,
		    const char *target, char **options, struct ctr_error *err)
{
	struct oci_mount *m = &in->mounts[in->o.n_mounts];

	if (in->o.n_mounts >= ARRAY_SIZE(in->mounts)) {
		strv_free(options);
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "--%s: more than %zu mounts", flag,
				ARRAY_SIZE(in->mounts));
	}
	in->option_lists[in->n_option_lists++] = options;
	if (strv_push(&in->strings, source) < 0)
		return ctr_fail_errno(err, ENOMEM, "--%s", flag);
	m->source = in->strings[strv_len(in->strings) - 1];
	if (strv_push(&in->strings, target) < 0)
		return ctr_fail_errno(err, ENOMEM, "--%s", flag);
	m->destination = in->strings[strv_len(in->strings) - 1];
	m->type = type;
	m->options = options;
	in->o.n_mounts++;
	return CTR_OK;
}

/* The words behind the second colon of a volume. */
static ctr_code volume_words(const char *volume, const char *text, char ***ret,
			     struct ctr_error *err)
{
	static const char *const spread[] = { "private", "rprivate", "shared",
					      "rshared", "slave",    "rslave" };
	AUTO_STRV words = strv_split(text, ',');
	AUTO_STRV out = NULL;
	const char *propagation = "rprivate", *mode = "rw";
	int bad = words == NULL;

	for (size_t i = 0; words && words[i]; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(spread) && !str_eq(spread[k], words[i]))
			k++;
		if (str_eq(words[i], "ro") || str_eq(words[i], "rw"))
			mode = words[i];
		else if (k < ARRAY_SIZE(spread))
			propagation = words[i];
		else if (str_eq(words[i], "nosuid") || str_eq(words[i], "nodev") ||
			 str_eq(words[i], "noexec"))
			bad |= strv_push(&out, words[i]);
		else if (words[i][0])
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"--volume '%s': unknown option '%s'", volume, words[i]);
	}
	bad |= strv_push(&out, "rbind");
	bad |= strv_push(&out, propagation);
	bad |= strv_push(&out, mode);
	if (bad)
		return ctr_fail_errno(err, ENOMEM, "--volume");
	*ret = take_ptr(&out);
	return CTR_OK;
}

/* As users expect, a missing directory of the host is made. */
static ctr_code need_source(const char *path, struct ctr_error *err)
{
	struct stat st;
	int fd;

	if (stat(path, &st) == 0)
		return CTR_OK;
	if (errno != ENOENT)
		return ctr_fail_errno(err, errno, "--volume: '%s'", path);
	fd = path_own_dir(path, 0755);
	if (fd < 0)
		return ctr_fail_errno(err, fd, "--volume: make '%s'", path);
	fd_close(&fd);
	return CTR_OK;
}

static ctr_code volume(struct spec_input *in, const char *text, struct ctr_error *err)
{
	AUTO_STRV part = strv_split(text, ':');
	size_t n = part ? strv_len(part) : 0;
	char **words = NULL;
	ctr_code code;

	if (n < 2 || n > 3 || !part[0][0] || part[1][0] != '/')
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"--volume '%s' is not of the form /host:/container[:options]",
				text);
	if (part[0][0] != '/')
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"--volume '%s': named volumes do not exist yet, give an absolute path",
			text);
	code = need_source(part[0], err);
	if (code == CTR_OK)
		code = volume_words(text, n == 3 ? part[2] : "", &words, err);
	if (code != CTR_OK)
		return code;
	return add(in, "volume", "bind", part[0], part[1], words, err);
}

static ctr_code tmpfs(struct spec_input *in, const char *text, struct ctr_error *err)
{
	const char *colon = strchr(text, ':');
	AUTO_FREE char *target = str_ndup(text, colon ? (size_t)(colon - text) : strlen(text));
	AUTO_STRV given = strv_split(colon ? colon + 1 : "", ',');
	AUTO_STRV words = NULL;
	int bad = !given || !target;

	/* what is safe comes first, so that an explicit exec or suid wins */
	bad |= strv_push(&words, "nosuid");
	bad |= strv_push(&words, "nodev");
	bad |= strv_push(&words, "noexec");
	for (size_t i = 0; given && given[i]; i++) {
		if (given[i][0])
			bad |= strv_push(&words, given[i]);
	}
	if (bad)
		return ctr_fail_errno(err, ENOMEM, "--tmpfs");
	return add(in, "tmpfs", "tmpfs", "tmpfs", target, take_ptr(&words), err);
}

ctr_code mount_flags(struct cli *c, struct spec_input *in, struct ctr_error *err)
{
	char *const *volumes = arg_list(&c->args, "volume");
	char *const *tmpfses = arg_list(&c->args, "tmpfs");
	ctr_code code = CTR_OK;

	for (size_t i = 0; code == CTR_OK && volumes[i]; i++)
		code = volume(in, volumes[i], err);
	for (size_t i = 0; code == CTR_OK && tmpfses[i]; i++)
		code = tmpfs(in, tmpfses[i], err);
	in->o.mounts = in->mounts;
	return code;
}
