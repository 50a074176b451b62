/* SPDX-License-Identifier: Apache-2.0
 *
 * A daemon that has nothing but streams, and a client's side of one stream that remembers what it
 * was told.
 */
#ifndef CTR_TESTS_TRANSFER_FAKE_CLIENT_H
#define CTR_TESTS_TRANSFER_FAKE_CLIENT_H

#include <stdatomic.h>

#include "core/streams/streams.h"

struct fake_daemon;
struct fake_daemon *fake_daemon_new(void);
void fake_daemon_free(struct fake_daemon *f);
struct streams *fake_streams(struct fake_daemon *f);
const struct ctr_host *fake_host(struct fake_daemon *f);
const struct ctr_streams_ops *fake_ops(struct fake_daemon *f);

#define FAKE_SENT_MAX 64

struct fake_client {
	char sent[FAKE_SENT_MAX][64]; /* type names of what the core sent */
	char last[65536];             /* the last value */
	size_t n_last;
	atomic_size_t n_sent;
	atomic_int resumed, finished, released;
	ctr_code code;   /* of finish */
	ctr_code answer; /* of send */
};
extern const struct ctr_stream_peer fake_peer;

#endif
