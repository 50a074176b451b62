/* SPDX-License-Identifier: Apache-2.0
 *
 * Content.Read: chunks go out as the reader takes them. Between chunks the call holds a descriptor and no thread, so a
 * client that does not read costs next to nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "plugins/api-grpc/content.h"

#define CHUNK_BYTES (1024 * 1024) /* of data in one reply */
#define AHEAD_BYTES (1024 * 1024) /* queued before the next is read */

struct reading {
	struct contents *c;
	struct ctr_rpc_call *rc; /* a reference */
	struct ctr_content_reader *reader;
	int64_t start, at, end;
};

static void reading_end(struct reading *r, ctr_code code, struct ctr_error *err)
{
	r->c->api->rpc->finish_error(r->rc, code, err);
	r->c->ops->reader_close(r->reader);
	r->c->api->rpc->unref(r->rc);
	free(r);
}

static size_t varint(uint64_t v, uint8_t *out)
{
	size_t n = 0;

	do {
		out[n] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
		n++;
	} while (v);
	return n;
}

/*
 * One ReadContentResponse{offset = 1, data = 2}, read straight into the reply's own memory: the one place where a
 * message is made by hand, because packing would copy each megabyte once more.
 */
static ctr_code send_chunk(struct reading *r, struct ctr_error *err)
{
	const struct ctr_host *h = r->c->api->host;
	uint64_t want = (uint64_t)MIN(r->end - r->at, (int64_t)CHUNK_BYTES), got = 0;
	uint8_t *reply = h->alloc(want + 32);
	size_t n = 0;

	if (!reply)
		return h->fail_errno(err, ENOMEM, "read content");
	if (r->at > r->start) {
		reply[n++] = 1 << 3;
		n += varint((uint64_t)(r->at - r->start), reply + n);
	}
	reply[n++] = 2 << 3 | 2;
	n += varint(want, reply + n);
	ctr_code code = r->c->ops->read_at(r->reader, reply + n, want, r->at, &got, err);
	if (code == CTR_OK && got != want)
		code = h->fail(err, CTR_DATA_LOSS,
			       "content ends at %" PRId64 " instead of %" PRId64,
			       r->at + (int64_t)got, r->end);
	if (code != CTR_OK) {
		h->free(reply);
		return code;
	}
	r->at += (int64_t)want;
	return r->c->api->rpc->reply(r->rc, reply, n + want);
}

static void read_on(void *ud)
{
	struct reading *r = ud;
	const struct ctr_host *h = r->c->api->host;
	const struct ctr_rpc_ops *rpc = r->c->api->rpc;
	struct ctr_error *err = h->error_new();
	ctr_code code = h->call->check(rpc->call(r->rc), err);

	while (code == CTR_OK && r->at < r->end && rpc->queued_bytes(r->rc) < AHEAD_BYTES)
		code = send_chunk(r, err);
	if (code != CTR_OK || r->at >= r->end)
		reading_end(r, code, err);
	else
		rpc->on_drained(r->rc, AHEAD_BYTES, read_on, r);
	h->error_free(err);
}

static ctr_code set_range(struct reading *r, int64_t offset, int64_t size, int64_t length,
			  struct ctr_error *err)
{
	if (offset < 0)
		offset = 0;
	if (offset > length)
		return r->c->api->host->fail(err, CTR_OUT_OF_RANGE,
					     "read past object length %" PRId64 " bytes", length);
	r->start = r->at = offset;
	r->end = size <= 0 || size > length - offset ? length : offset + size;
	return CTR_OK;
}

ctr_code content_read(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		      struct ctr_error *err)
{
	struct contents *c = self;
	ProtobufCMessage *base = NULL;
	int64_t length = 0;

	ctr_code code =
		api_unpack(c->api, CONTENT_REQUEST(read_content_request), data, n, &base, err);
	if (code != CTR_OK)
		return code;
	Containerd__Services__Content__V1__ReadContentRequest *m = (void *)base;
	struct reading *r = calloc(1, sizeof(*r));
	if (!r)
		code = c->api->host->fail_errno(err, ENOMEM, "read content %s", m->digest);
	if (code == CTR_OK) {
		*r = (struct reading){ .c = c, .rc = rc };
		code = c->ops->reader(c->api->host, c->api->rpc->call(rc), m->digest, &r->reader,
				      &length, err);
	}
	if (code == CTR_OK)
		code = set_range(r, m->offset, m->size, length, err);
	protobuf_c_message_free_unpacked(base, NULL);
	if (code != CTR_OK) {
		if (r)
			c->ops->reader_close(r->reader);
		free(r);
		return code;
	}
	c->api->rpc->ref(rc);
	read_on(r);
	return CTR_PENDING;
}
