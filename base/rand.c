/* SPDX-License-Identifier: Apache-2.0
 *
 * getrandom(2), with nothing kept between calls. Any thread.
 */
#include "base/rand.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

int rand_bytes(void *p, size_t n)
{
	unsigned char *out = p;

	while (n > 0) {
		ssize_t got = getrandom(out, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		out += got;
		n -= (size_t)got;
	}
	return 0;
}

void rand_hex(char *ret, size_t n_hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char room[32];

	for (size_t i = 0; i < n_hex; i++) {
		size_t at = i % (2 * sizeof(room));

		/*
		 * Fails only under a seccomp filter of our own that forgot it: a guessable id is
		 * worse.
		 */
		if (at == 0 && rand_bytes(room, sizeof(room)) < 0)
			abort();
		ret[i] = digits[(room[at / 2] >> (at % 2 ? 0 : 4)) & 15];
	}
	ret[n_hex] = '\0';
}
