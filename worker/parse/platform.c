/* SPDX-License-Identifier: Apache-2.0
 *
 * Platform matching. Pure functions.
 */
#include "worker/parse/platform.h"

#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define HERE_OS "linux"
#if defined(__x86_64__)
#define HERE_ARCH "amd64"
#elif defined(__aarch64__)
#define HERE_ARCH "arm64"
#elif defined(__arm__)
#define HERE_ARCH "arm"
#elif defined(__i386__)
#define HERE_ARCH "386"
#elif defined(__riscv)
#define HERE_ARCH "riscv64"
#elif defined(__powerpc64__)
#define HERE_ARCH "ppc64le"
#elif defined(__s390x__)
#define HERE_ARCH "s390x"
#else
#define HERE_ARCH "unknown"
#endif

/* Other names of architectures; a name may bring a variant. */
static const struct {
	const char *name, *arch, *variant;
} aliases[] = {
	{ "x86_64", "amd64", "" }, { "x86-64", "amd64", "" }, { "aarch64", "arm64", "" },
	{ "i386", "386", "" },     { "i686", "386", "" },     { "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },
};

static void put(char to[PLATFORM_TEXT], const char *from)
{
	size_t n = MIN(strlen(from), (size_t)PLATFORM_TEXT - 1);

	for (size_t i = 0; i < n; i++)
		to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] - 'A' + 'a' : from[i]);
	to[n] = '\0';
}

/* The variant that means nothing beyond the architecture is empty; "8" is "v8". */
static void normalize_variant(struct platform *p)
{
	if (strcmp(p->arch, "arm64") == 0 &&
	    (strcmp(p->variant, "8") == 0 || strcmp(p->variant, "v8") == 0))
		put(p->variant, "");
	else if (strcmp(p->arch, "amd64") == 0 && strcmp(p->variant, "v1") == 0)
		put(p->variant, "");
	else if (strcmp(p->arch, "arm") == 0 && !p->variant[0])
		put(p->variant, "v7");
	else if (strcmp(p->arch, "arm") == 0 && p->variant[0] >= '5' && p->variant[0] <= '8' &&
		 !p->variant[1])
		put(p->variant, (const char[]){ 'v', p->variant[0], '\0' });
}

void platform_normalize(const char *os, const char *arch, const char *variant, struct platform *ret)
{
	put(ret->os, os[0] ? os : HERE_OS);
	put(ret->arch, arch[0] ? arch : HERE_ARCH);
	put(ret->variant, variant);
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcmp(ret->arch, aliases[i].name) == 0) {
			put(ret->arch, aliases[i].arch);
			if (!ret->variant[0])
				put(ret->variant, aliases[i].variant);
			break;
		}
	normalize_variant(ret);
}

/* "v7" is 7; empty is what the architecture starts with. */
static int level(const struct platform *p)
{
	if (!p->variant[0])
		return strcmp(p->arch, "arm64") == 0 ? 8 : strcmp(p->arch, "arm") == 0 ? 7 : 1;
	if (p->variant[0] == 'v' && p->variant[1] >= '1' && p->variant[1] <= '9' && !p->variant[2])
		return p->variant[1] - '0';
	return -1;
}

int platform_match(const struct platform *want, const struct platform *have)
{
	int wanted = level(want), there = level(have);

	if (strcmp(want->os, have->os) != 0)
		return -1;
	if (strcmp(want->arch, have->arch) == 0) {
		if (strcmp(want->variant, have->variant) == 0)
			return 0;
		return wanted > 0 && there > 0 && there < wanted ? wanted - there : -1;
	}
	if (strcmp(want->arch, "amd64") == 0 && strcmp(have->arch, "386") == 0)
		return 20;
	if (strcmp(want->arch, "arm64") == 0 && strcmp(have->arch, "arm") == 0 && there > 0 &&
	    there <= 8)
		return 20 + (8 - there);
	return -1;
}
