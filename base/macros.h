/* SPDX-License-Identifier: Apache-2.0
 *
 * Small macros that every file uses: sizes, scope release, ownership hand-over and
 * checked arithmetic. Nothing here allocates.
 */
#ifndef CTR_BASE_MACROS_H
#define CTR_BASE_MACROS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_USE          __attribute__((warn_unused_result))

/* AUTO(fn) x: fn(&x) runs when x leaves its scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))

static inline void auto_free(void *p)
{
	void **pp = p;

	free(*pp);
}
#define AUTO_FREE AUTO(auto_free)

/* Hand a pointer over: the variable becomes NULL, so its scope releases nothing. */
#define take_ptr(pp)                                                                               \
	__extension__({                                                                            \
		__typeof__(*(pp)) taken_ = *(pp);                                                  \
		*(pp) = NULL;                                                                      \
		taken_;                                                                            \
	})

/* 0, or -1 when the result does not fit; *ret is written only on success. */
#define add_ok(a, b, ret) (__builtin_add_overflow((a), (b), (ret)) ? -1 : 0)
#define mul_ok(a, b, ret) (__builtin_mul_overflow((a), (b), (ret)) ? -1 : 0)

#endif
