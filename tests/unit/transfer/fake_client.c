/* SPDX-License-Identifier: Apache-2.0
 *
 * See fake_client.h.
 */
#include "tests/unit/transfer/fake_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "core/daemon.h"
#include "core/registry/internal.h"
#include "core/registry/services.h"
#include "core/transfer/internal.h"

struct fake_daemon {
	struct daemon d;
	struct transfers t;
	struct registry r;
	struct entry e;
};

struct fake_daemon *fake_daemon_new(void)
{
	struct fake_daemon *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->d.transfers = &f->t;
	f->t.daemon = &f->d;
	f->r.daemon = &f->d;
	f->e.registry = &f->r;
	if (streams_new(&f->d, &f->t.streams) < 0)
		abort();
	return f;
}

void fake_daemon_free(struct fake_daemon *f)
{
	streams_free(f->t.streams);
	services_free(&f->d);
	free(f);
}

struct streams *fake_streams(struct fake_daemon *f)
{
	return f->t.streams;
}

const struct ctr_host *fake_host(struct fake_daemon *f)
{
	return &f->e.host;
}

const struct ctr_streams_ops *fake_ops(struct fake_daemon *f)
{
	return services_find(&f->d, CTR_SERVICE_STREAMS, NULL);
}

static ctr_code peer_send(void *peer, const struct ctr_any *message)
{
	struct fake_client *c = peer;
	size_t i = atomic_load(&c->n_sent);

	if (c->answer != CTR_OK)
		return c->answer;
	if (i < FAKE_SENT_MAX)
		snprintf(c->sent[i], sizeof(c->sent[i]), "%s", message->type_url);
	c->n_last = (size_t)message->n < sizeof(c->last) ? (size_t)message->n : sizeof(c->last);
	memcpy(c->last, message->value, c->n_last);
	atomic_store(&c->n_sent, i + 1);
	return CTR_OK;
}

static uint64_t peer_queued(void *peer)
{
	(void)peer;
	return 0;
}

static void peer_resume(void *peer)
{
	struct fake_client *c = peer;

	atomic_fetch_add(&c->resumed, 1);
}

static void peer_finish(void *peer, ctr_code code, const char *message)
{
	struct fake_client *c = peer;

	(void)message;
	c->code = code;
	atomic_fetch_add(&c->finished, 1);
}

static void peer_release(void *peer)
{
	struct fake_client *c = peer;

	atomic_fetch_add(&c->released, 1);
}

const struct ctr_stream_peer fake_peer = {
	.size = sizeof(fake_peer),
	.send = peer_send,
	.queued_bytes = peer_queued,
	.resume = peer_resume,
	.finish = peer_finish,
	.release = peer_release,
};
