/* SPDX-License-Identifier: Apache-2.0
 *
 * Result codes of every call that crosses the plugin boundary, and the macros of the ABI.
 * C99 and C++ clean. Frozen since SDK 1.0.
 */
#ifndef CTR_ERROR_H
#define CTR_ERROR_H

#include <stddef.h>
#include <stdint.h>

#ifndef CTR_SDK_MINOR
#define CTR_SDK_MINOR 0 /* pin it before the include to hide members of later minors */
#endif

#if defined(__GNUC__)
#define CTR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define CTR_PRINTF(f, a)
#endif

/* Is member m inside what the other side compiled, and filled in? t points to a size-first table. */
#define CTR_HAS(t, m)                                                                              \
	((size_t)((const char *)(&(t)->m + 1) - (const char *)(t)) <= (t)->size && (t)->m)

/*
 * 0 is success. The low byte is the gRPC status number; the next byte a class that the wire shows only in
 * the text (conflict and not-modified are both 9 there). CTR_SKIP lies outside both.
 */
typedef int32_t ctr_code;

#define CTR_OK                  0
#define CTR_CANCELLED           1 /* the call was cancelled, or the plugin is stopping */
#define CTR_UNKNOWN             2 /* a failure of no other class */
#define CTR_INVALID_ARGUMENT    3 /* wrong whatever the state is: repeat it and it fails again */
#define CTR_DEADLINE_EXCEEDED   4
#define CTR_NOT_FOUND           5
#define CTR_ALREADY_EXISTS      6
#define CTR_PERMISSION_DENIED   7
#define CTR_RESOURCE_EXHAUSTED  8 /* disk, memory, descriptors, or a limit of the configuration */
#define CTR_FAILED_PRECONDITION 9 /* wrong in this state */
#define CTR_ABORTED             10
#define CTR_OUT_OF_RANGE        11
#define CTR_UNIMPLEMENTED       12
#define CTR_INTERNAL            13
#define CTR_UNAVAILABLE         14 /* try again later */
#define CTR_DATA_LOSS           15
#define CTR_UNAUTHENTICATED     16
#define CTR_CONFLICT            (CTR_FAILED_PRECONDITION | 1 << 8)
#define CTR_NOT_MODIFIED        (CTR_FAILED_PRECONDITION | 2 << 8)
#define CTR_SKIP                0x10000 /* from init(): not possible on this machine, and no error */

#define CTR_GRPC_CODE(code) ((int32_t)((code)&0xff))

/*
 * The message that goes with a code: opaque, host side. Any function may be given NULL. A plugin fills it with
 * host->fail() and returns that call's result; it never writes the class text at the end of a message.
 */
struct ctr_error;

#endif
