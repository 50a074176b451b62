/* SPDX-License-Identifier: Apache-2.0
 *
 * Platform names: "os/architecture/variant" with the usual aliases.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/str.h"
#include "cli/image.h"

static const struct {
	const char *alias, *arch, *variant;
} aliases[] = {
	{ "x86_64", "amd64", "" }, { "x86-64", "amd64", "" }, { "aarch64", "arm64", "" },
	{ "armhf", "arm", "v7" },  { "armel", "arm", "v6" },  { "armv7l", "arm", "v7" },
	{ "armv6l", "arm", "v6" }, { "i386", "386", "" },     { "i686", "386", "" },
};

static void set_arch(struct platform *p, const char *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (!str_eq(aliases[i].alias, arch))
			continue;
		(void)snprintf(p->arch, sizeof(p->arch), "%s", aliases[i].arch);
		(void)snprintf(p->variant, sizeof(p->variant), "%s", aliases[i].variant);
		return;
	}
	(void)snprintf(p->arch, sizeof(p->arch), "%s", arch);
}

static int word_ok(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 32 && s[0] != '.' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == n;
}

ctr_code platform_parse(const char *s, struct platform *ret, struct ctr_error *err)
{
	struct platform p = { .os = "linux" };
	AUTO_STRV part = NULL;
	struct utsname u;
	size_t n;

	if (!s) {
		if (uname(&u) == 0)
			set_arch(&p, u.machine);
		*ret = p;
		return CTR_OK;
	}
	part = strv_split(s, '/');
	n = strv_len(part);
	for (size_t i = 0; i < n; i++) {
		if (!word_ok(part[i]))
			n = 0;
	}
	if (n == 0 || n > 3)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"platform '%s' is not of the form os/architecture[/variant]", s);
	if (n > 1)
		(void)snprintf(p.os, sizeof(p.os), "%s", part[0]);
	set_arch(&p, part[n > 1 ? 1 : 0]);
	if (n == 3)
		(void)snprintf(p.variant, sizeof(p.variant), "%s", part[2]);
	*ret = p;
	return CTR_OK;
}
