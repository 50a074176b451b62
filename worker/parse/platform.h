/* SPDX-License-Identifier: Apache-2.0
 *
 * Platforms as containerd matches them: names normalised, and the lower variants (and 386 on amd64,
 * arm on arm64) that a machine also runs. Pure.
 */
#ifndef CTR_WORKER_PARSE_PLATFORM_H
#define CTR_WORKER_PARSE_PLATFORM_H

#include "worker/wire.h"

#define PLATFORM_TEXT 64

struct platform {
	char os[PLATFORM_TEXT], arch[PLATFORM_TEXT], variant[PLATFORM_TEXT];
};

/* Empty os and architecture become those of this machine. */
void platform_normalize(const char *os, const char *arch, const char *variant,
			struct platform *ret);
/* How well have suits want: 0 is best, then rising; -1 not at all. Both normalised. */
int platform_match(const struct platform *want, const struct platform *have);

#endif
