/* SPDX-License-Identifier: Apache-2.0
 *
 * The events services: publish, forward on both sockets, a subscription with filters, and one that
 * does not read.
 */
#include "fake.h"

#include "containerd/services/events/ttrpc/v1/events.pb-c.h"
#include "containerd/services/events/v1/events.pb-c.h"

#define EVENTS "containerd.services.events.v1.Events"
#define TTRPC  "containerd.services.events.ttrpc.v1.Events"

static char *lent_text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static ctr_code publish(struct fake *k, const char *topic)
{
	Containerd__Services__Events__V1__PublishRequest req =
		CONTAINERD__SERVICES__EVENTS__V1__PUBLISH_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct ctr_rpc_call rc;

	any.type_url = lent_text("some.Type");
	req.topic = lent_text(topic);
	req.event = &any;
	fake_call_init(k, &rc);
	ctr_code code = fake_run(k, &rc, EVENTS, "Publish", &req);

	fake_call_done(&rc);
	return code;
}

static void test_a_subscriber_gets_what_matches(void **state)
{
	struct fake *k = *state;
	Containerd__Services__Events__V1__SubscribeRequest req =
		CONTAINERD__SERVICES__EVENTS__V1__SUBSCRIBE_REQUEST__INIT;
	char *filter = lent_text("topic~=|^/a/|");
	struct ctr_rpc_call rc;

	req.filters = &filter;
	req.n_filters = 1;
	fake_call_init(k, &rc);
	assert_int_equal(fake_run(k, &rc, EVENTS, "Subscribe", &req), CTR_PENDING);
	assert_int_equal(publish(k, "/a/1"), CTR_OK);
	assert_int_equal(publish(k, "/b/1"), CTR_OK);
	assert_int_equal(publish(k, "bad"), CTR_INVALID_ARGUMENT);
	assert_int_equal(rc.n_replies, 1);
	Containerd__Types__Envelope *m =
		containerd__types__envelope__unpack(NULL, rc.lengths[0], rc.replies[0]);

	assert_non_null(m);
	assert_string_equal(m->topic, "/a/1");
	assert_string_equal(m->namespace_, "default");
	assert_string_equal(m->event->type_url, "some.Type");
	assert_true(m->timestamp->seconds > 0);
	fake_free(m);
	fake_close(k, &rc, EVENTS, "Subscribe");
	assert_int_equal(publish(k, "/a/2"), CTR_OK);
	assert_int_equal(rc.n_replies, 1);
	fake_call_done(&rc);
	filter = lent_text("topic=x");
	assert_int_equal(fake_run(k, &rc, EVENTS, "Subscribe", &req), CTR_INVALID_ARGUMENT);
}

static void test_one_that_does_not_read_is_ended(void **state)
{
	struct fake *k = *state;
	Containerd__Services__Events__V1__SubscribeRequest req =
		CONTAINERD__SERVICES__EVENTS__V1__SUBSCRIBE_REQUEST__INIT;
	struct ctr_rpc_call rc;

	fake_call_init(k, &rc);
	assert_int_equal(fake_run(k, &rc, EVENTS, "Subscribe", &req), CTR_PENDING);
	rc.queued = UINT64_MAX;
	assert_int_equal(publish(k, "/a/1"), CTR_OK);
	assert_int_equal(publish(k, "/a/2"), CTR_OK);
	assert_int_equal(rc.finished, 1);
	assert_int_equal(rc.code, CTR_RESOURCE_EXHAUSTED);
	assert_string_equal(rc.message, "the subscriber does not read its events");
	fake_close(k, &rc, EVENTS, "Subscribe");
	fake_call_done(&rc);
}

static void test_forwards_pass_envelopes_through(void **state)
{
	struct fake *k = *state;
	Containerd__Services__Events__V1__ForwardRequest req =
		CONTAINERD__SERVICES__EVENTS__V1__FORWARD_REQUEST__INIT;
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest shim =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
	Containerd__Types__Envelope envelope = CONTAINERD__TYPES__ENVELOPE__INIT;
	struct ctr_rpc_call rc;

	fake_call_init(k, &rc);
	assert_int_equal(fake_run(k, &rc, EVENTS, "Forward", &req), CTR_INVALID_ARGUMENT);
	req.envelope = shim.envelope = &envelope;
	envelope.namespace_ = lent_text("k8s.io");
	envelope.topic = lent_text("/tasks/start");
	assert_int_equal(fake_run(k, &rc, EVENTS, "Forward", &req), CTR_OK);
	assert_int_equal(fake_run(k, &rc, TTRPC, "Forward", &shim), CTR_OK);
	envelope.topic = lent_text("/tasks/");
	assert_int_equal(fake_run(k, &rc, TTRPC, "Forward", &shim), CTR_INVALID_ARGUMENT);
	assert_string_equal(k->f->seen, "k8s.io /tasks/start ;k8s.io /tasks/start ;");
	fake_call_done(&rc);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_subscriber_gets_what_matches),
		T(test_one_that_does_not_read_is_ended),
		T(test_forwards_pass_envelopes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
