/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC's length-prefixed messages: the queue of those that go out, and the parser of those that
 * come in. Inside rpc/ only. The limit is checked on the five bytes in front, before anything is
 * kept; nothing is held between messages.
 */
#ifndef CTR_RPC_GRPC_MSG_H
#define CTR_RPC_GRPC_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define GRPC_PREFIX        5
#define GRPC_MESSAGE_LIMIT (16u << 20)

/* One message on its way out. */
struct grpc_msg {
	struct grpc_msg *next;
	uint8_t *data; /* from malloc, owned */
	size_t n, at;  /* at: bytes of prefix and data that have left */
	uint8_t prefix[GRPC_PREFIX];
};

/* data is taken over; n fits 32 bits. */
void grpc_msg_init(struct grpc_msg *m, void *data, size_t n);
/* The message and its data; also when it is the first member of something larger. NULL allowed. */
void grpc_msg_free(struct grpc_msg *m);

struct grpc_out {
	struct grpc_msg *first, *last;
	size_t bytes;    /* prefixes and data not yet pulled */
	size_t promised; /* bytes of a frame that HTTP/2 has been told of but not yet given */
};

void grpc_out_push(struct grpc_out *o, struct grpc_msg *m);
/*
 * Up to n bytes of the first message, as one piece at *ret; the piece's message stays valid until
 * it is released. *ret_spent is the message when this was the end of it: the caller releases it,
 * later.
 */
size_t grpc_out_pull(struct grpc_out *o, size_t n, const uint8_t **ret,
		     struct grpc_msg **ret_spent);
/* Take off what has neither begun nor been promised: a chain for the caller to free. */
struct grpc_msg *grpc_out_cut(struct grpc_out *o);
/* Take off everything. */
struct grpc_msg *grpc_out_clear(struct grpc_out *o);
void grpc_msg_free_chain(struct grpc_msg *m);

enum grpc_in_result {
	GRPC_IN_MORE,      /* all input used up */
	GRPC_IN_MESSAGE,   /* one message; call again for the rest of the input */
	GRPC_IN_TOO_LARGE, /* in->need bytes announced */
	GRPC_IN_COMPRESSED,
	GRPC_IN_BAD_FLAG,
	GRPC_IN_NO_MEMORY,
};

struct grpc_in {
	uint8_t *data; /* a message that came in several pieces */
	size_t len, cap;
	uint32_t need;
	uint8_t prefix[GRPC_PREFIX], n_prefix, complete;
};

/*
 * Move *p and *n on over one message or less. The message is at *ret (never NULL), inside the input
 * or inside in, until the next call or grpc_in_done().
 */
enum grpc_in_result grpc_in_feed(struct grpc_in *in, const uint8_t **p, size_t *n, size_t max,
				 const uint8_t **ret, size_t *ret_n);
/* The bytes of the message just given out, as memory of the caller; NULL on OOM. */
uint8_t *grpc_in_take(struct grpc_in *in, const uint8_t *data, size_t n);
int grpc_in_is_partial(const struct grpc_in *in);
void grpc_in_done(struct grpc_in *in);

#endif
