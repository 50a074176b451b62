/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the files in their order, merges them, adds the command line, checks. The default file has
 * drop-ins around it (/usr/lib/ctr/conf.d before it, /etc/ctr/conf.d and /run/ctr/conf.d after it,
 * each sorted by name); a file given by -c stands alone.
 */
#include "core/config/impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"

#define DROPINS_MAX 256 /* files in one folder */

/* Name is kept by the configuration, since nodes point to it. */
static const char *keep_file(struct config *c, const char *path)
{
	return strv_push(&c->files, path) < 0 ? NULL : c->files[strv_len(c->files) - 1];
}

/* missing_ok: a file that is not there is an empty one. */
static ctr_code load_file(struct config *c, const char *path, int missing_ok, struct faults *f,
			  struct ctr_error *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *why = NULL;
	struct node *tree;
	const char *name;
	size_t n;
	int r;

	r = io_read_file(AT_FDCWD, path, CONFIG_FILE_MAX, &text, &n);
	if (r == -ENOENT && missing_ok)
		return CTR_OK;
	if (r == -EFBIG)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s: longer than %d bytes", path,
				CONFIG_FILE_MAX);
	if (r < 0)
		return ctr_fail_errno(err, r, "read '%s'", path);

	name = keep_file(c, path);
	if (!name)
		return ctr_fail_errno(err, ENOMEM, "read '%s'", path);
	r = toml_parse_tree(text, n, name, CONFIG_DEPTH_MAX, &tree, &why);
	if (r == -EINVAL) {
		buf_printf(&f->text, "%s%s", f->text.len > 0 ? "\n" : "", why);
		return CTR_OK;
	}
	if (r < 0)
		return ctr_fail_errno(err, r, "parse '%s'", path);

	node_merge(c->top, tree);
	return CTR_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The *.toml names of a folder, sorted; a folder that is not there has none. */
static int list_dropins(const char *dir, char ***ret)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int r = 0;

	*ret = NULL;
	if (!d)
		return errno == ENOENT ? 0 : -errno;

	while (r == 0 && (entry = readdir(d))) {
		if (entry->d_name[0] == '.' || !str_ends(entry->d_name, ".toml"))
			continue;
		r = strv_len(*ret) >= DROPINS_MAX ? -E2BIG : strv_push(ret, entry->d_name);
	}
	closedir(d);
	if (r < 0) {
		strv_free(*ret);
		*ret = NULL;
		return r;
	}
	if (*ret)
		qsort(*ret, strv_len(*ret), sizeof(**ret), by_name);
	return 0;
}

static ctr_code load_dropins(struct config *c, const char *prefix, const char *dir,
			     struct faults *f, struct ctr_error *err)
{
	AUTO_FREE char *full = str_printf("%s%s", prefix, dir);
	AUTO_STRV names = NULL;
	ctr_code code = CTR_OK;
	int r;

	r = full ? list_dropins(full, &names) : -ENOMEM;
	if (r < 0)
		return ctr_fail_errno(err, r, "read the folder '%s'", dir);

	for (char **name = names; name && *name && code == CTR_OK; name++) {
		AUTO_FREE char *path = str_printf("%s/%s", full, *name);

		code = path ? load_file(c, path, 1, f, err)
			    : ctr_fail_errno(err, ENOMEM, "read '%s'", *name);
	}
	return code;
}

static ctr_code load_default_files(struct config *c, const char *prefix, struct faults *f,
				   struct ctr_error *err)
{
	AUTO_FREE char *path = str_printf("%s%s", prefix, CONFIG_DEFAULT_PATH);
	ctr_code code;

	if (!path)
		return ctr_fail_errno(err, ENOMEM, "read the configuration");

	code = load_dropins(c, prefix, "/usr/lib/ctr/conf.d", f, err);
	if (code == CTR_OK)
		code = load_file(c, path, 1, f, err);
	if (code == CTR_OK)
		code = load_dropins(c, prefix, CTR_SYSCONFDIR "/conf.d", f, err);
	if (code == CTR_OK)
		code = load_dropins(c, prefix, "/run/ctr/conf.d", f, err);
	return code;
}

/* Symlinks are followed first: /tmp/x -> /etc/x is inside. */
static int is_outside(const char *path, const char *prefix)
{
	AUTO_FREE char *etc = str_printf("%s/etc/", prefix);
	AUTO_FREE char *usr = str_printf("%s/usr/", prefix);
	AUTO_FREE char *real = realpath(path, NULL);

	return etc && usr && real && !str_starts(real, etc) && !str_starts(real, usr);
}

static ctr_code load_files(struct config *c, const struct config_args *args, struct faults *f,
			   struct ctr_error *err)
{
	const char *prefix = args->prefix ? args->prefix : "";

	if (!args->path || str_eq(args->path, CONFIG_DEFAULT_PATH))
		return load_default_files(c, prefix, f, err);

	c->may_be_unsafe = is_outside(args->path, prefix);
	return load_file(c, args->path, 0, f, err);
}

/* Set top.<table>.<key>, or top.<key>, to a string of the command line. */
static int set_text(struct config *c, const char *table, const char *key, const char *value)
{
	struct node *in = c->top, *old, *n;

	if (!value)
		return 0;
	if (table) {
		in = node_get(c->top, table);
		if (in && in->type != NODE_TABLE)
			return 0; /* reported as a wrong type */
		if (!in)
			in = node_new(NODE_TABLE, c->top, table, "command line", 0);
		if (!in)
			return -ENOMEM;
	}
	old = node_get(in, key);
	if (old) {
		node_unlink(old);
		node_free(old);
	}
	n = node_new(NODE_STR, in, key, "command line", 0);
	return n ? node_set_str(n, value, strlen(value)) : -ENOMEM;
}

static int set_command_line(struct config *c, const struct config_args *args)
{
	int r = set_text(c, NULL, "root", args->root);

	if (r == 0)
		r = set_text(c, NULL, "state", args->state);
	if (r == 0)
		r = set_text(c, "grpc", "address", args->address);
	if (r == 0)
		r = set_text(c, "log", "level", args->log_level);
	return r;
}

static ctr_code load_into(struct config *c, const struct config_args *args, struct ctr_error *err)
{
	struct faults f = { .text = BUF_INIT(FAULTS_MAX) };
	ctr_code code;

	code = load_files(c, args, &f, err);
	if (code != CTR_OK) {
		buf_done(&f.text);
		return code;
	}
	if (set_command_line(c, args) < 0) {
		buf_done(&f.text);
		return ctr_fail_errno(err, ENOMEM, "read the configuration");
	}
	config_check(c, &f);
	code = faults_result(&f, err);
	if (code != CTR_OK)
		return code;

	if (config_build_vectors(c) < 0)
		return ctr_fail_errno(err, ENOMEM, "read the configuration");
	return CTR_OK;
}

ctr_code config_load(const struct config_args *args, struct config **ret, struct ctr_error *err)
{
	struct config *c = calloc(1, sizeof(*c));
	ctr_code code;

	if (!c)
		return ctr_fail_errno(err, ENOMEM, "read the configuration");
	c->top = node_new(NODE_TABLE, NULL, NULL, "default", 0);
	c->strays = node_new(NODE_ARRAY, NULL, NULL, "default", 0);
	c->vectors = calloc(config_n_keys, sizeof(*c->vectors));
	if (!c->top || !c->strays || !c->vectors)
		code = ctr_fail_errno(err, ENOMEM, "read the configuration");
	else
		code = load_into(c, args, err);
	if (code != CTR_OK) {
		config_free(c);
		return code;
	}
	*ret = c;
	return CTR_OK;
}

void config_free(struct config *c)
{
	if (!c)
		return;

	for (size_t i = 0; c->vectors && i < config_n_keys; i++)
		strv_free(c->vectors[i]);
	free(c->vectors);
	config_free_tables(c);
	node_free(c->top);
	node_free(c->strays);
	strv_free(c->files);
	free(c->last_origin);
	free(c);
}
