/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gRPC tests share: a server with a service for each kind of call, and a client, over a
 * socket pair.
 */
#ifndef CTR_TEST_GRPC_FIXTURE_H
#define CTR_TEST_GRPC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/loop.h"
#include "rpc/grpc_client.h"
#include "rpc/grpc_server.h"

struct fixture {
	struct loop *loop;
	struct grpc_server *server;
	struct grpc_client *client;
	struct loop_timer *guard;
	struct grpc_service service;
	/* what the server saw; parked calls hold a reference */
	struct grpc_call *parked[32768];
	size_t n_parked;
	unsigned cancels, closes, opens, messages, half_closes;
	size_t message_bytes;
	int keep_messages; /* message() does not consume */
	/* what the client saw last */
	unsigned n_done, n_messages, closed;
	ctr_code code;
	char text[512];
	uint8_t data[256];
	size_t n, bytes;
};

/* Services "t.S": Echo, Park, Refuse, Meta, Size (unary), Count, Subscribe (server streams),
 * Bidi, Sum (client streams). */
int fixture_setup(void **state);
int fixture_setup_limits(void **state, const struct grpc_limits *limits);
int fixture_teardown(void **state);

int fixture_serve(struct fixture *f);   /* the other end of one more connection */
void fixture_unpark(struct fixture *f); /* drop the references */

/* A unary call to its end: code, text, data, n. */
void fixture_call(struct fixture *f, const char *path, const void *data, size_t n);
void fixture_done(void *ud, ctr_code code, const char *message, const void *data, size_t n);
extern const struct grpc_stream_ops fixture_stream;

/* Run the loop until *counter reaches want. */
void fixture_until(struct fixture *f, const unsigned *counter, unsigned want);
void fixture_until_size(struct fixture *f, const size_t *counter, size_t want);
/* Run it for some milliseconds: for what must not happen. */
void fixture_spin(struct fixture *f, int64_t ms);

#endif
