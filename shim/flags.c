/* SPDX-License-Identifier: Apache-2.0
 *
 * Go's flag syntax, as far as containerd and its clients use it.
 */
#include "shim/flags.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/macros.h"

struct flag {
	const char *name;
	size_t offset;
	int is_bool;
};

static const struct flag table[] = {
	{ "namespace", offsetof(struct flags, namespace_), 0 },
	{ "address", offsetof(struct flags, address), 0 },
	{ "publish-binary", offsetof(struct flags, publish_binary), 0 },
	{ "id", offsetof(struct flags, id), 0 },
	{ "bundle", offsetof(struct flags, bundle), 0 },
	{ "socket", offsetof(struct flags, socket), 0 },
	{ "debug-socket", offsetof(struct flags, debug_socket), 0 },
	{ "debug", offsetof(struct flags, debug), 1 },
	{ "v", offsetof(struct flags, version), 1 },
	{ "version", offsetof(struct flags, version), 1 },
	{ "info", offsetof(struct flags, info), 1 },
};

static const struct flag *find(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0)
			return &table[i];
	return NULL;
}

static int set_bool(void *at, const char *value)
{
	int on;

	if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		on = 1;
	else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		on = 0;
	else
		return -EINVAL;
	memcpy(at, &on, sizeof(on));
	return 0;
}

int flags_parse(char *const *argv, struct flags *ret, const char **ret_bad)
{
	struct flags f = { 0 };
	char *const *p = argv[0] ? argv + 1 : argv;

	for (; *p && (*p)[0] == '-' && strcmp(*p, "-") != 0; p++) {
		const char *name = *p + ((*p)[1] == '-' ? 2 : 1);
		const char *equals = strchr(name, '=');
		size_t n = equals ? (size_t)(equals - name) : strlen(name);
		const char *value = equals ? equals + 1 : NULL;
		const struct flag *flag = find(name, n);
		char *at;

		*ret_bad = *p;
		if (n == 0 && !equals) { /* "--" ends the flags */
			p++;
			break;
		}
		if (!flag)
			return -EINVAL;
		at = (char *)&f + flag->offset;
		if (flag->is_bool) {
			if (set_bool(at, value) < 0)
				return -EINVAL;
			continue;
		}
		if (!value)
			value = *++p;
		if (!value)
			return -EINVAL;
		memcpy(at, &value, sizeof(value));
	}
	f.verb = *p;
	if (*p && p[1]) {
		*ret_bad = p[1];
		return -EINVAL;
	}
	*ret = f;
	return 0;
}
