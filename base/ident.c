/* SPDX-License-Identifier: Apache-2.0
 *
 * Names: identifiers, digests, labels, topics, and image references in the grammar of the
 * distribution project (name [":" tag] ["@" digest]). Hand-written scanners over the input, no
 * regular expressions.
 */
#include "base/ident.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/str.h"

#define NAME_MAX_ 255 /* host, '/' and path together */
#define TAG_MAX   128

struct algorithm {
	const char *prefix;
	size_t n_hex;
};

static int is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static int is_alnum(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static int ident_valid_n(const char *s, size_t n)
{
	int word = 0; /* the last character was a letter or digit */

	if (n == 0 || n > IDENT_MAX)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int now = is_alnum(s[i]);

		if (!now && (!word || (s[i] != '.' && s[i] != '_' && s[i] != '-')))
			return 0;
		word = now;
	}
	return word;
}

int ident_valid(const char *s)
{
	return s && ident_valid_n(s, strnlen(s, IDENT_MAX + 1));
}

int digest_valid(const char *s)
{
	static const struct algorithm known[] = {
		{ "sha256:", 64 },
		{ "sha384:", 96 },
		{ "sha512:", 128 },
	};

	for (size_t i = 0; s && i < ARRAY_SIZE(known); i++) {
		if (!str_starts(s, known[i].prefix))
			continue;
		s += strlen(known[i].prefix);
		return strspn(s, "0123456789abcdef") == known[i].n_hex && !s[known[i].n_hex];
	}
	return 0;
}

int label_valid(const char *key, const char *value)
{
	size_t n_key = key ? strnlen(key, LABEL_MAX + 1) : 0;
	size_t n_value = value ? strnlen(value, LABEL_MAX + 1) : 0;

	return n_key > 0 && n_key + n_value <= LABEL_MAX;
}

int topic_valid(const char *s)
{
	if (!s || *s != '/')
		return 0;
	while (*s == '/') {
		size_t n;

		s++;
		n = strcspn(s, "/");
		if (!ident_valid_n(s, n))
			return 0;
		s += n;
	}
	return 1;
}

/* domain-name, IPv4 or [IPv6], each with an optional :port. */
static int host_valid(const char *s)
{
	if (*s == '[') {
		size_t n = strspn(++s, "0123456789abcdefABCDEF:");

		if (n == 0 || s[n] != ']')
			return 0;
		s += n + 1;
	} else {
		do {
			const char *start = s;

			while (is_alnum(*s) || *s == '-')
				s++;
			if (s == start || *start == '-' || s[-1] == '-')
				return 0;
		} while (*s == '.' && s++);
	}
	if (!*s)
		return 1;
	return *s == ':' && s[1] && strspn(s + 1, "0123456789") == strlen(s + 1);
}

/* Bytes of the separator at s between two words of a path component: . _ __ or any number of -. */
static size_t separator(const char *s)
{
	if (*s == '.')
		return 1;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

static int path_valid(const char *s)
{
	for (;;) {
		size_t skip;

		if (!is_lower(*s))
			return 0;
		while (is_lower(*s))
			s++;
		if (!*s)
			return 1;
		skip = *s == '/' ? 1 : separator(s);
		if (skip == 0)
			return 0;
		s += skip;
	}
}

static int tag_valid(const char *s)
{
	if (!is_alnum(*s) && *s != '_')
		return 0;
	while (is_alnum(*s) || *s == '_' || *s == '.' || *s == '-')
		s++;
	return !*s;
}

/* Is the first component a host, as docker tells it from a user name? */
static int looks_like_host(const char *s, size_t n)
{
	if (memchr(s, '.', n) || memchr(s, ':', n))
		return 1;
	if (n == strlen("localhost") && memcmp(s, "localhost", n) == 0)
		return 1;
	for (size_t i = 0; i < n; i++) {
		if (s[i] >= 'A' && s[i] <= 'Z')
			return 1; /* no path component is written like this */
	}
	return 0;
}

static int fail(int code, const char *why, const char **ret_why)
{
	if (ret_why)
		*ret_why = why;
	return code;
}

/* Cut "@digest" and ":tag" off the end of name into ret. */
static int cut_suffixes(char *name, struct image_ref *ret, const char **ret_why)
{
	char *at = strchr(name, '@');

	if (at) {
		*at++ = '\0';
		if (!digest_valid(at))
			return fail(-EINVAL, "the digest is not valid", ret_why);
		memcpy(ret->digest, at, strlen(at) + 1);
	}
	char *slash = strrchr(name, '/');
	char *colon = strchr(slash ? slash : name, ':');

	if (colon) {
		*colon++ = '\0';
		if (strlen(colon) > TAG_MAX)
			return fail(-E2BIG, "the tag is longer than 128 characters", ret_why);
		if (!tag_valid(colon))
			return fail(-EINVAL, "the tag is not valid", ret_why);
		memcpy(ret->tag, colon, strlen(colon) + 1);
	}
	return 0;
}

static int is_hex_id(const char *s)
{
	return strspn(s, "0123456789abcdef") == 64 && !s[64];
}

static int check_path(const char *path, const char **ret_why)
{
	if (!*path)
		return fail(-EINVAL, "the repository name is empty", ret_why);
	for (const char *p = path; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			return fail(-EINVAL, "the repository name must be lower case", ret_why);
	}
	if (!path_valid(path))
		return fail(-EINVAL, "the repository name is not valid", ret_why);
	return 0;
}

/* host and path from name, which has no suffixes any more. */
static int split_name(const char *name, int exact, struct image_ref *ret, const char **ret_why)
{
	const char *slash = strchr(name, '/'), *path = name, *prefix = "";
	size_t n_host = slash ? (size_t)(slash - name) : 0;
	char host[NAME_MAX_ + 1] = "docker.io";

	if (exact && !slash)
		return fail(-EINVAL, "the host is missing", ret_why);
	if (slash && (exact || looks_like_host(name, n_host))) {
		memcpy(host, name, n_host);
		host[n_host] = '\0';
		path = slash + 1;
	} else if (is_hex_id(name)) {
		return fail(-EINVAL, "an id of 64 hex digits is no repository name", ret_why);
	}
	if (!exact && !strcmp(host, "index.docker.io"))
		memcpy(host, "docker.io", sizeof("docker.io"));
	if (!host_valid(host))
		return fail(-EINVAL, "the host is not valid", ret_why);

	int r = check_path(path, ret_why);

	if (r < 0)
		return r;
	if (!exact && !strcmp(host, "docker.io") && !strchr(path, '/'))
		prefix = "library/";
	if (strlen(host) + 1 + strlen(prefix) + strlen(path) > NAME_MAX_)
		return fail(-E2BIG, "the name is longer than 255 characters", ret_why);
	snprintf(ret->host, sizeof(ret->host), "%s", host);
	snprintf(ret->path, sizeof(ret->path), "%s%s", prefix, path);
	return 0;
}

static int parse(const char *s, int exact, struct image_ref *ret, const char **ret_why)
{
	struct image_ref ref = { .host = "" };
	char name[NAME_MAX_ + 1 + TAG_MAX + 1 + DIGEST_MAX];
	size_t n = s ? strnlen(s, sizeof(name)) : 0;
	int r;

	if (n == 0)
		return fail(-EINVAL, "the reference is empty", ret_why);
	if (n >= sizeof(name))
		return fail(-E2BIG, "the reference is too long", ret_why);
	memcpy(name, s, n + 1);

	r = cut_suffixes(name, &ref, ret_why);
	if (r < 0)
		return r;
	if (strlen(name) > NAME_MAX_)
		return fail(-E2BIG, "the name is longer than 255 characters", ret_why);
	r = split_name(name, exact, &ref, ret_why);
	if (r < 0)
		return r;
	if (!ref.tag[0] && !ref.digest[0]) {
		if (exact)
			return fail(-EINVAL, "neither tag nor digest is given", ret_why);
		memcpy(ref.tag, "latest", sizeof("latest"));
	}
	r = snprintf(ref.full, sizeof(ref.full), "%s/%s%s%s%s%s", ref.host, ref.path,
		     ref.tag[0] ? ":" : "", ref.tag, ref.digest[0] ? "@" : "", ref.digest);
	if (r < 0 || (size_t)r >= sizeof(ref.full))
		return fail(-E2BIG, "the reference is too long", ret_why);
	*ret = ref;
	return 0;
}

int image_ref_parse(const char *s, struct image_ref *ret, const char **ret_why)
{
	return parse(s, 0, ret, ret_why);
}

int image_ref_parse_exact(const char *s, struct image_ref *ret, const char **ret_why)
{
	return parse(s, 1, ret, ret_why);
}
