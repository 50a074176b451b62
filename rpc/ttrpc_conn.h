/* SPDX-License-Identifier: Apache-2.0
 *
 * One ttrpc connection: a non-blocking stream socket cut into frames, for server and client alike.
 * Inside rpc/ only. An idle connection holds no buffer; a frame above the limit is skipped and
 * reported, the connection goes on. Loop thread.
 */
#ifndef CTR_RPC_TTRPC_CONN_H
#define CTR_RPC_TTRPC_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "status/status.h"

#define TTRPC_HEADER   10
#define TTRPC_DATA_MAX (4u << 20)
#define TTRPC_OUT_MAX  (16u << 20) /* bytes that the peer has not read yet */

#define TTRPC_TOO_LARGE "message length %zu exceed maximum message size of %u"

enum ttrpc_type {
	TTRPC_REQUEST = 1,
	TTRPC_RESPONSE = 2,
	TTRPC_DATA = 3,
};

#define TTRPC_REMOTE_CLOSED 0x01
#define TTRPC_REMOTE_OPEN   0x02
#define TTRPC_NO_DATA       0x04

struct ttrpc_frame {
	uint32_t len, stream;
	uint8_t type, flags;
};

struct ttrpc_conn;

struct ttrpc_conn_ops {
	/* A whole frame; data is valid during the call. With data NULL and len above the limit
	 * the data was skipped. */
	void (*frame)(void *ud, const struct ttrpc_frame *f, const uint8_t *data);
	/* Once: the peer is gone (0) or the connection failed (-errno). */
	void (*closed)(void *ud, int r);
};

/* Takes fd over on success. The callbacks may free the connection. 0 or -errno. */
int ttrpc_conn_new(struct loop *loop, int fd, const struct ttrpc_conn_ops *ops, void *ud,
		   struct ttrpc_conn **ret);
void ttrpc_conn_free(struct ttrpc_conn *c);

/*
 * Send one frame whose data is head followed by body; what the socket does not take is copied and
 * goes later. 0, -EMSGSIZE above the limit, -EPIPE after the end, -ENOBUFS when the peer has let
 * TTRPC_OUT_MAX pile up (the connection then ends), -ENOMEM.
 */
int ttrpc_conn_send(struct ttrpc_conn *c, const struct ttrpc_frame *f, const void *head,
		    size_t n_head, const void *body, size_t n_body);

#endif
