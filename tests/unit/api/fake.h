/* SPDX-License-Identifier: Apache-2.0
 *
 * A client without a wire: calls a registered method with a packed request and keeps its replies.
 * The core services behind are the real ones, over a store in a folder of its own.
 */
#ifndef CTR_TEST_API_FAKE_H
#define CTR_TEST_API_FAKE_H

#include "../meta/fixture.h"

#include <ctr/unstable/version.h>

#include "core/gc/gc.h"
#include "core/pool/pool.h"
#include "core/registry/internal.h"
#include "core/registry/services.h"
#include "plugins/api-grpc/api.h"

#define FAKE_REPLIES 64

struct ctr_rpc_call {
	struct ctr_call *call;
	struct fake *fake;
	void *data;
	uint8_t *replies[FAKE_REPLIES];
	size_t n_replies, lengths[FAKE_REPLIES];
	uint64_t queued; /* what queued_bytes() says */
	void (*drained)(void *ud);
	void *drained_ud;
	int finished;
	ctr_code code;
	char message[512];
};

struct fake {
	struct fixture *f;
	struct registry r;
	struct entry entry;
	struct api api;
	const struct ctr_rpc_service *services[8];
	void *selves[8];
	size_t n;
	char uri[16];
	struct ctr_error err;
};

static struct fake *fake_now; /* add() is not told more; one test at a time */

static inline ctr_code fake_add(const struct ctr_host *h, const struct ctr_rpc_service *service,
				void *self, struct ctr_error *err)
{
	(void)h;
	(void)err;
	assert_true(fake_now->n < 8);
	fake_now->services[fake_now->n] = service;
	fake_now->selves[fake_now->n++] = self;
	return CTR_OK;
}

static inline const struct ctr_call *fake_call_of(struct ctr_rpc_call *rc)
{
	return rc->call;
}

static inline void fake_set_data(struct ctr_rpc_call *rc, void *data)
{
	rc->data = data;
}

static inline void *fake_data(struct ctr_rpc_call *rc)
{
	return rc->data;
}

static inline void fake_ref(struct ctr_rpc_call *rc)
{
	(void)rc; /* on the test's stack */
}

static inline ctr_code fake_reply(struct ctr_rpc_call *rc, void *data, uint64_t n)
{
	assert_true(rc->n_replies < FAKE_REPLIES);
	rc->replies[rc->n_replies] = data;
	rc->lengths[rc->n_replies++] = n;
	return CTR_OK;
}

static inline uint64_t fake_queued(struct ctr_rpc_call *rc)
{
	return rc->queued;
}

static inline void fake_on_drained(struct ctr_rpc_call *rc, uint64_t low, void (*fn)(void *ud),
				   void *ud)
{
	(void)low;
	rc->drained = fn;
	rc->drained_ud = ud;
}

static inline void fake_finish(struct ctr_rpc_call *rc, ctr_code code, const char *message)
{
	rc->finished++;
	rc->code = code;
	snprintf(rc->message, sizeof(rc->message), "%s", message ? message : "");
}

static inline void fake_finish_error(struct ctr_rpc_call *rc, ctr_code code, struct ctr_error *err)
{
	fake_finish(rc, code, error_text(err));
}

static const struct ctr_rpc_ops fake_rpc = {
	.size = sizeof(fake_rpc),
	.add = fake_add,
	.call = fake_call_of,
	.ref = fake_ref,
	.unref = fake_ref,
	.set_data = fake_set_data,
	.data = fake_data,
	.reply = fake_reply,
	.queued_bytes = fake_queued,
	.on_drained = fake_on_drained,
	.finish = fake_finish,
	.finish_error = fake_finish_error,
};

static inline int fake_setup(void **state)
{
	struct fake *k = calloc(1, sizeof(*k));
	void *f = NULL;

	assert_non_null(k);
	fixture_setup(&f);
	k->f = f;
	fake_now = k;
	snprintf(k->uri, sizeof(k->uri), "k.test");
	k->r.daemon = &k->f->d;
	k->entry.registry = &k->r;
	k->entry.uri = k->uri;
	k->entry.unstable = CTR_UNSTABLE_REVISION;
	k->entry.in_init = 1;
	host_fill(&k->entry);
	assert_int_equal(pool_new("bulk", 1, 8, &k->f->d.bulk), 0);
	assert_int_equal(gc_new(&k->f->d, &k->f->d.gc), 0);
	k->api = (struct api){ .host = &k->entry.host, .rpc = &fake_rpc };
	assert_int_equal(meta_provide(&k->f->d), 0);
	assert_int_equal(api_namespaces_init(&k->api, &k->err), CTR_OK);
	assert_int_equal(api_containers_init(&k->api, &k->err), CTR_OK);
	assert_int_equal(api_images_init(&k->api, &k->err), CTR_OK);
	assert_int_equal(api_leases_init(&k->api, &k->err), CTR_OK);
	assert_int_equal(api_events_init(&k->api, &k->err), CTR_OK);
	assert_int_equal(k->n, 6);
	*state = k;
	return 0;
}

static inline int fake_teardown(void **state)
{
	struct fake *k = *state;
	void *f = k->f;

	api_kept_free(&k->api);
	gc_free(k->f->d.gc);
	pool_free(k->f->d.bulk);
	services_free(&k->f->d);
	fixture_teardown(&f);
	error_done(&k->err);
	free(k);
	return 0;
}

static inline void fake_call_init(struct fake *k, struct ctr_rpc_call *rc)
{
	*rc = (struct ctr_rpc_call){ .call = &k->f->call, .fake = k };
}

static inline void fake_call_done(struct ctr_rpc_call *rc)
{
	for (size_t i = 0; i < rc->n_replies; i++)
		free(rc->replies[i]);
	rc->n_replies = 0;
}

static inline const struct ctr_rpc_method *fake_method(struct fake *k, const char *service,
						       const char *name, void **ret_self)
{
	for (size_t i = 0; i < k->n; i++) {
		if (strcmp(k->services[i]->name, service) != 0)
			continue;
		*ret_self = k->selves[i];
		for (uint32_t j = 0; j < k->services[i]->n_methods; j++)
			if (strcmp(k->services[i]->methods[j].name, name) == 0)
				return &k->services[i]->methods[j];
	}
	fail_msg("no method %s of %s", name, service);
	return NULL;
}

static inline ctr_code fake_bytes(struct fake *k, struct ctr_rpc_call *rc, const char *service,
				  const char *name, const void *data, size_t n)
{
	void *self = NULL;
	const struct ctr_rpc_method *m = fake_method(k, service, name, &self);

	return m->message(self, rc, data, n, &k->err);
}

static inline ctr_code fake_run(struct fake *k, struct ctr_rpc_call *rc, const char *service,
				const char *name, const void *request)
{
	const ProtobufCMessage *m = request;
	size_t n = protobuf_c_message_get_packed_size(m);
	AUTO_FREE uint8_t *bytes = malloc(n + 1);

	assert_non_null(bytes);
	protobuf_c_message_pack(m, bytes);
	return fake_bytes(k, rc, service, name, bytes, n);
}

static inline void fake_close(struct fake *k, struct ctr_rpc_call *rc, const char *service,
			      const char *name)
{
	void *self = NULL;
	const struct ctr_rpc_method *m = fake_method(k, service, name, &self);

	if (m->closed)
		m->closed(self, rc);
}

/*
 * Run, expect CTR_OK and one reply, and unpack it; free it with protobuf_c_message_free_unpacked().
 */
static inline void *fake_get(struct fake *k, const char *service, const char *name,
			     const void *request, const ProtobufCMessageDescriptor *type)
{
	struct ctr_rpc_call rc;

	fake_call_init(k, &rc);
	ctr_code code = fake_run(k, &rc, service, name, request);

	if (code != CTR_OK)
		fail_msg("%s: code %d: %s", name, (int)code, error_text(&k->err));
	assert_int_equal(rc.n_replies, 1);
	void *m = protobuf_c_message_unpack(type, NULL, rc.lengths[0], rc.replies[0]);

	assert_non_null(m);
	fake_call_done(&rc);
	return m;
}

static inline void fake_free(void *message)
{
	protobuf_c_message_free_unpacked(message, NULL);
}

#endif
