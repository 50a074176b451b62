/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of gRPC's headers: grpc-timeout, grpc-message, content-type, :path. Pure functions,
 * inside rpc/ only.
 */
#ifndef CTR_RPC_GRPC_WIRE_H
#define CTR_RPC_GRPC_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define GRPC_MESSAGE_MAX                                                                           \
	4096 /* bytes of a status text before encoding; longer ones lose their middle */
#define GRPC_TIMEOUT_ROOM 16

/* "<1 to 8 digits><H|M|S|m|u|n>"; 0 or -EINVAL. A value beyond int64_t is INT64_MAX. */
int grpc_timeout_parse(const char *s, size_t n, int64_t *ret_ns);
/* The finest unit that fits 8 digits, rounded up; ns below 1 counts as 1. */
void grpc_timeout_format(int64_t ns, char ret[GRPC_TIMEOUT_ROOM]);

/* Percent-encoding of grpc-message: caller frees; NULL on OOM. */
char *grpc_message_encode(const char *message);
char *grpc_message_decode(const char *s, size_t n); /* a bad escape stays as it is */

/* application/grpc, alone or before '+' or ';'. */
int grpc_content_type_ok(const char *s, size_t n);

#endif
