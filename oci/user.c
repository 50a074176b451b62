/* SPDX-License-Identifier: Apache-2.0
 *
 * Resolve "user[:group]" by a root file system's own files. The files are the image's, so hostile:
 * a line is used only when each number in it is well formed; a matching line that is not fails the
 * whole resolution.
 */
#include "oci/user.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "status/status.h"

#define FILE_MAX   (1024 * 1024)
#define ID_MAX     UINT32_C(2147483647)
#define GROUPS_MAX 65536
#define NAME_MAX_  256

struct spec {
	char user[NAME_MAX_], group[NAME_MAX_];
	int has_group;
};

/* One line of passwd or group, cut in place. */
struct line {
	char *field[7];
	size_t n;
};

void oci_user_done(struct oci_user *u)
{
	free(u->groups);
	*u = (struct oci_user){ 0 };
}

static int all_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static ctr_code parse_id(const char *s, const char *what, uint32_t *ret, struct ctr_error *err)
{
	uint32_t n;

	if (!all_digits(s) || parse_u32(s, &n) < 0 || n > ID_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s id '%.64s' is not a number from 0 to 2147483647", what, s);
	*ret = n;
	return CTR_OK;
}

static ctr_code spec_parse(const char *s, struct spec *ret, struct ctr_error *err)
{
	const char *colon = strchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : strlen(s);
	size_t g = colon ? strlen(colon + 1) : 0;

	*ret = (struct spec){ .has_group = colon && g > 0 };
	if (n >= sizeof(ret->user) || g >= sizeof(ret->group) || (colon && strchr(colon + 1, ':')))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"user '%.64s' is not of the form user[:group]", s);
	if (s[0] == '-' || (colon && colon[1] == '-'))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "user '%.64s' holds a negative number",
				s);
	memcpy(ret->user, s, n);
	if (colon)
		memcpy(ret->group, colon + 1, g);
	if (!ret->user[0])
		ret->user[0] = '0';
	return CTR_OK;
}

int oci_user_trivial(const char *spec, char *const *group_adds, struct oci_user *ret)
{
	struct spec s;

	if (group_adds && group_adds[0])
		return 0;
	if (spec_parse(spec ? spec : "", &s, NULL) != CTR_OK)
		return 0;
	int root = !s.has_group && str_eq(s.user, "0");
	uint32_t uid = 0, gid = 0;

	if (!root && (!s.has_group || parse_id(s.user, "user", &uid, NULL) != CTR_OK ||
		      parse_id(s.group, "group", &gid, NULL) != CTR_OK))
		return 0;
	*ret = (struct oci_user){ .uid = uid, .gid = gid };
	return 1;
}

/* The file's text, or "" when there is none. */
static ctr_code read_in_root(int root_fd, const char *path, char **ret, struct ctr_error *err)
{
	AUTO_CLOSE int fd =
		path_open(root_fd, path, PATH_IN_ROOT, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	int r;

	if (fd == -ENOENT || fd == -ENOTDIR) {
		*ret = str_dup("");
		return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "read '%s'", path);
	}
	if (fd < 0)
		return ctr_fail_errno(err, fd, "open '%s' of the container", path);
	if (fstat(fd, &st) < 0)
		return ctr_fail_errno(err, errno, "stat '%s' of the container", path);
	if (!S_ISREG(st.st_mode))
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"'%s' of the container is not a regular file", path);
	r = io_read_fd(fd, FILE_MAX, ret, NULL);
	if (r < 0)
		return ctr_fail_errno(err, r, "read '%s' of the container", path);
	return CTR_OK;
}

/* The next line of *text cut at colons; 0 at the end. Lines with too few fields are passed over. */
static int next_line(char **text, size_t min_fields, struct line *ret)
{
	while (**text) {
		char *p = *text;
		char *end = p + strcspn(p, "\n");

		*text = *end ? end + 1 : end;
		*end = 0;
		ret->n = 0;
		while (p && ret->n < ARRAY_SIZE(ret->field)) {
			ret->field[ret->n++] = p;
			p = strchr(p, ':');
			if (p)
				*p++ = 0;
		}
		if (ret->n >= min_fields && ret->field[0][0] && ret->field[0][0] != '#')
			return 1;
	}
	return 0;
}

/* Look the user up; name (a copy of the matched one, or "") is for the group file. */
static ctr_code find_user(int root_fd, const char *user, struct oci_user *u, char name[NAME_MAX_],
			  struct ctr_error *err)
{
	AUTO_FREE char *text = NULL;
	int numeric = all_digits(user);
	uint32_t uid = 0, line_uid;
	struct line line;
	ctr_code code = CTR_OK;

	if (numeric)
		code = parse_id(user, "user", &uid, err);
	if (code == CTR_OK)
		code = read_in_root(root_fd, "/etc/passwd", &text, err);
	if (code != CTR_OK)
		return code;
	u->uid = uid;
	u->gid = 0;
	name[0] = 0;
	for (char *pos = text; next_line(&pos, 4, &line);) {
		if (numeric ? parse_id(line.field[2], "user", &line_uid, NULL) != CTR_OK ||
				      line_uid != uid
			    : !str_eq(line.field[0], user))
			continue;
		code = parse_id(line.field[2], "user", &u->uid, err);
		if (code == CTR_OK)
			code = parse_id(line.field[3], "group", &u->gid, err);
		if (code != CTR_OK)
			return ctr_wrap(err, "/etc/passwd of the container, user '%s'", user);
		if (strlen(line.field[0]) < NAME_MAX_)
			memcpy(name, line.field[0], strlen(line.field[0]) + 1);
		return CTR_OK;
	}
	if (!numeric)
		return ctr_fail(err, CTR_NOT_FOUND, "no user '%s' in /etc/passwd of the container",
				user);
	return CTR_OK;
}

static int list_has(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; *p; p += *p == ',') {
		size_t len = strcspn(p, ",");

		if (len == n && strncmp(p, name, n) == 0)
			return 1;
		p += len;
	}
	return 0;
}

static ctr_code add_group(struct oci_user *u, uint32_t gid, struct ctr_error *err)
{
	if (gid == u->gid)
		return CTR_OK;
	for (size_t i = 0; i < u->n_groups; i++) {
		if (u->groups[i] == gid)
			return CTR_OK;
	}
	if (u->n_groups >= GROUPS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "more than %d supplementary groups",
				GROUPS_MAX);
	if (u->n_groups % 16 == 0) {
		uint32_t *bigger = realloc(u->groups, (u->n_groups + 16) * sizeof(*bigger));

		if (!bigger)
			return ctr_fail_errno(err, ENOMEM, "supplementary groups");
		u->groups = bigger;
	}
	u->groups[u->n_groups++] = gid;
	return CTR_OK;
}

/* Groups that list name as a member. */
static ctr_code add_memberships(const char *groups, const char *name, struct oci_user *u,
				struct ctr_error *err)
{
	AUTO_FREE char *text = str_dup(groups);
	struct line line;
	ctr_code code = CTR_OK;
	uint32_t gid;

	if (!text)
		return ctr_fail_errno(err, ENOMEM, "supplementary groups");
	for (char *pos = text; code == CTR_OK && next_line(&pos, 4, &line);) {
		if (!list_has(line.field[3], name))
			continue;
		code = parse_id(line.field[2], "group", &gid, err);
		if (code != CTR_OK)
			return ctr_wrap(err, "/etc/group of the container, group '%.64s'",
					line.field[0]);
		code = add_group(u, gid, err);
	}
	return code;
}

static ctr_code find_group(const char *groups, const char *group, uint32_t *ret,
			   struct ctr_error *err)
{
	AUTO_FREE char *text = NULL;
	struct line line;

	if (all_digits(group))
		return parse_id(group, "group", ret, err);
	text = str_dup(groups);
	if (!text)
		return ctr_fail_errno(err, ENOMEM, "group '%s'", group);
	for (char *pos = text; next_line(&pos, 3, &line);) {
		if (!str_eq(line.field[0], group))
			continue;
		if (parse_id(line.field[2], "group", ret, err) != CTR_OK)
			return ctr_wrap(err, "/etc/group of the container, group '%s'", group);
		return CTR_OK;
	}
	return ctr_fail(err, CTR_NOT_FOUND, "no group '%s' in /etc/group of the container", group);
}

static ctr_code resolve(int root_fd, const struct spec *s, char *const *group_adds,
			struct oci_user *u, struct ctr_error *err)
{
	AUTO_FREE char *groups = NULL;
	char name[NAME_MAX_];
	ctr_code code;

	code = find_user(root_fd, s->user, u, name, err);
	if (code == CTR_OK)
		code = read_in_root(root_fd, "/etc/group", &groups, err);
	if (code == CTR_OK && s->has_group)
		code = find_group(groups, s->group, &u->gid, err);
	else if (code == CTR_OK && name[0])
		code = add_memberships(groups, name, u, err);
	for (size_t i = 0; code == CTR_OK && group_adds && group_adds[i]; i++) {
		uint32_t gid;

		code = find_group(groups, group_adds[i], &gid, err);
		if (code == CTR_OK)
			code = add_group(u, gid, err);
	}
	return code;
}

ctr_code oci_user_resolve(int root_fd, const char *spec, char *const *group_adds,
			  struct oci_user *ret, struct ctr_error *err)
{
	struct oci_user u = { 0 };
	struct spec s;
	ctr_code code;

	code = spec_parse(spec ? spec : "", &s, err);
	if (code == CTR_OK)
		code = resolve(root_fd, &s, group_adds, &u, err);
	if (code != CTR_OK) {
		oci_user_done(&u);
		return code;
	}
	*ret = u;
	return CTR_OK;
}
