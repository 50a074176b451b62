/* SPDX-License-Identifier: Apache-2.0
 *
 * Random bytes from the kernel: keys of hash maps, ids, names of temporary files.
 */
#ifndef CTR_BASE_RAND_H
#define CTR_BASE_RAND_H

#include <stddef.h>

int rand_bytes(void *p, size_t n); /* 0 or -errno */
/*
 * n_hex lower-case hex digits and a NUL. Ends the process if the kernel gives no random bytes at
 * all.
 */
void rand_hex(char *ret, size_t n_hex);

#endif
