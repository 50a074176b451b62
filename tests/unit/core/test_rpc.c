/* SPDX-License-Identifier: Apache-2.0
 *
 * The glue between sockets and plugins: a service of the test's own, called over a real socket by
 * our own clients. The loop runs in this thread, whenever the test waits for an answer.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <ctr/unstable/rpc.h>
#include <ctr/unstable/version.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/daemon.h"
#include "core/pool/pool.h"
#include "core/registry/internal.h"
#include "core/registry/services.h"
#include "core/rpc/listeners.h"
#include "rpc/grpc_client.h"
#include "rpc/ttrpc_client.h"
#include "tests/unit/core/tree.h"

#define FLOOD_CHUNK  (64u * 1024)
#define FLOOD_CHUNKS 128

struct bench {
	struct daemon d;
	struct entry *plugin; /* stands for the plugin that registers the service */
	const struct ctr_host *host;
	const struct ctr_rpc_ops *rpc;
	char dir[64];
	char *address, *ttrpc_address, *config_path;
	struct grpc_client *client;
	/* What the service has seen. */
	atomic_int inside, closed, closed_inside, cancels, flood_peak;
	struct buf sum;
	int stopped;
};

/* ---- the service ---- */

static ctr_code reply(struct bench *b, struct ctr_rpc_call *rc, const char *text)
{
	size_t n = strlen(text);
	char *data = b->host->alloc(n);

	memcpy(data, text, n);
	return b->rpc->reply(rc, data, n);
}

static ctr_code echo(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct bench *b = self;
	const struct ctr_call *call = b->rpc->call(rc);
	char text[256];

	(void)err;
	snprintf(text, sizeof(text), "%.*s|%s|%s|%s|%d", (int)n, (const char *)data,
		 b->host->call->ns(call), b->host->call->lease(call), b->host->call->trace_id(call),
		 loop_here(b->d.loop));
	return reply(b, rc, text);
}

static ctr_code refuse(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	struct bench *b = self;

	(void)rc;
	if (n > 0 && *(const char *)data == 's')
		return (b->host->fail)(err, CTR_SKIP, "never on the wire");
	return (b->host->fail)(err, CTR_CONFLICT, "row is newer");
}

/* Blocks its thread until the client goes. */
static ctr_code park(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		     struct ctr_error *err)
{
	struct bench *b = self;
	struct pollfd p = { .fd = b->host->call->cancel_fd(b->rpc->call(rc)), .events = POLLIN };
	ctr_code code;

	(void)data;
	(void)n;
	b->rpc->set_data(rc, b); /* until it returns */
	atomic_store(&b->inside, 1);
	while (poll(&p, 1, 10000) < 0)
		;
	code = b->host->call->check(b->rpc->call(rc), err);
	if (code == CTR_CANCELLED)
		atomic_fetch_add(&b->cancels, 1);
	b->rpc->set_data(rc, NULL);
	return code;
}

struct later {
	struct bench *b;
	struct ctr_rpc_call *rc;
};

static void resume_job(void *ud)
{
	struct later *later = ud;

	later->b->rpc->resume(later->rc);
	later->b->rpc->unref(later->rc);
	free(later);
}

/* Each message waits for another thread's word before the next may come. */
static ctr_code collect(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
			struct ctr_error *err)
{
	struct bench *b = self;
	struct later *later = malloc(sizeof(*later));

	if (atomic_fetch_add(&b->inside, 1) != 0)
		return (b->host->fail)(err, CTR_INTERNAL, "two messages at once");
	buf_append(&b->sum, data, n);
	*later = (struct later){ .b = b, .rc = rc };
	b->rpc->ref(rc);
	assert_int_equal(b->host->async(b->host, NULL, resume_job, later, err), CTR_OK);
	atomic_fetch_sub(&b->inside, 1);
	return CTR_PENDING;
}

static ctr_code collected(void *self, struct ctr_rpc_call *rc, struct ctr_error *err)
{
	struct bench *b = self;

	(void)err;
	buf_putc(&b->sum, '.');
	return reply(b, rc, b->sum.data);
}

struct flood {
	struct bench *b;
	struct ctr_rpc_call *rc;
	int left;
};

static void flood_on(void *ud)
{
	struct flood *f = ud;
	struct bench *b = f->b;

	for (; f->left > 0; f->left--) {
		char *chunk;

		if (b->rpc->queued_bytes(f->rc) > (1 << 20)) {
			b->rpc->on_drained(f->rc, FLOOD_CHUNK, flood_on, f);
			return;
		}
		chunk = b->host->alloc(FLOOD_CHUNK);
		memset(chunk, 'x', FLOOD_CHUNK);
		if (b->rpc->reply(f->rc, chunk, FLOOD_CHUNK) != CTR_OK)
			break;
		if ((int)b->rpc->queued_bytes(f->rc) > atomic_load(&b->flood_peak))
			atomic_store(&b->flood_peak, (int)b->rpc->queued_bytes(f->rc));
	}
	b->rpc->finish(f->rc, CTR_OK, NULL);
	b->rpc->unref(f->rc);
	free(f);
}

static ctr_code flood(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		      struct ctr_error *err)
{
	struct flood *f = malloc(sizeof(*f));

	(void)data;
	(void)n;
	(void)err;
	*f = (struct flood){ .b = self, .rc = rc, .left = FLOOD_CHUNKS };
	f->b->rpc->ref(rc);
	flood_on(f);
	return CTR_PENDING;
}

static void closed(void *self, struct ctr_rpc_call *rc)
{
	struct bench *b = self;

	atomic_fetch_add(&b->closed, 1);
	if (b->rpc->data(rc))
		atomic_fetch_add(&b->closed_inside, 1);
	if (b->stopped)
		loop_stop(b->d.loop);
}

static const struct ctr_rpc_method methods[] = {
	{ .name = "Echo", .flags = CTR_RPC_INLINE, .message = echo, .closed = closed },
	{ .name = "Pool", .flags = 0, .message = echo, .closed = closed },
	{ .name = "Free",
	  .flags = CTR_RPC_INLINE | CTR_RPC_NO_NAMESPACE,
	  .message = echo,
	  .closed = closed },
	{ .name = "Refuse", .flags = CTR_RPC_INLINE, .message = refuse, .closed = closed },
	{ .name = "Park", .flags = CTR_RPC_BULK, .message = park, .closed = closed },
	{ .name = "Collect",
	  .flags = CTR_RPC_CLIENT_STREAM,
	  .message = collect,
	  .half_close = collected,
	  .closed = closed },
	{ .name = "Flood", .flags = CTR_RPC_SERVER_STREAM, .message = flood, .closed = closed },
};

static const struct ctr_rpc_service service = { sizeof(service), ARRAY_SIZE(methods),
						"test.v1.Test", methods };

static const struct ctr_rpc_method ttrpc_methods[] = {
	{ .name = "Echo",
	  .flags = CTR_RPC_TTRPC | CTR_RPC_INLINE,
	  .message = echo,
	  .closed = closed },
	{ .name = "Pool", .flags = CTR_RPC_TTRPC, .message = echo, .closed = closed },
	{ .name = "Refuse", .flags = CTR_RPC_TTRPC, .message = refuse, .closed = closed },
};

static const struct ctr_rpc_service ttrpc_service = { sizeof(service), ARRAY_SIZE(ttrpc_methods),
						      "test.v1.Shim", ttrpc_methods };

/* ---- the bench ---- */

static void must(ctr_code code, const struct ctr_error *err)
{
	if (code != CTR_OK)
		fail_msg("%s", error_text(err));
}

static int bench_new(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct config_args args = { .path = NULL };
	AUTO_ERROR err = ERROR_INIT;
	FILE *f;

	strcpy(b->dir, "/tmp/ctr-rpc-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->address = str_printf("%s/s.sock", b->dir);
	b->ttrpc_address = str_printf("%s/s.sock.ttrpc", b->dir);
	b->config_path = str_printf("%s/c.toml", b->dir);
	b->sum = (struct buf)BUF_INIT(65536);
	f = fopen(b->config_path, "we");
	fputs("plugin_files = []\n[pool]\nwork_threads = 2\nwork_queue = 16\n", f);
	fclose(f);
	args.path = b->config_path;
	must(config_load(&args, &b->d.config, &err), &err);
	b->d.address = b->address;
	b->d.ttrpc_address = b->ttrpc_address;
	assert_int_equal(loop_new(&b->d.loop), 0);
	assert_int_equal(pool_new("work", 2, 16, &b->d.work), 0);
	assert_int_equal(pool_new("bulk", 2, 16, &b->d.bulk), 0);
	must(registry_load(&b->d, &b->d.registry, &err), &err);
	must(listeners_new(&b->d, &b->d.listeners, &err), &err);

	b->plugin = entry_new(b->d.registry, CTR_KIND_GRPC, "test");
	b->plugin->unstable = CTR_UNSTABLE_REVISION;
	host_fill(b->plugin);
	b->host = &b->plugin->host;
	b->rpc = b->host->service(b->host, CTR_SERVICE_RPC, NULL);
	assert_non_null(b->rpc);
	must(b->rpc->add(b->host, &service, b, &err), &err);
	must(b->rpc->add(b->host, &ttrpc_service, b, &err), &err);
	must(listeners_listen(b->d.listeners, &err), &err);
	assert_int_equal(grpc_client_connect(b->d.loop, b->address, NULL, NULL, &b->client), 0);
	*state = b;
	return 0;
}

static void end_loop(void *ud)
{
	loop_stop(ud);
}

static void run_posted(struct bench *b)
{
	assert_int_equal(loop_post(b->d.loop, end_loop, b->d.loop), 0);
	assert_int_equal(loop_run(b->d.loop), 0);
}

/* Run the loop until so many calls were closed. */
static void run_until_closed(struct bench *b, int n)
{
	b->stopped = 1;
	while (atomic_load(&b->closed) < n)
		assert_int_equal(loop_run(b->d.loop), 0);
	b->stopped = 0;
}

static int bench_free(void **state)
{
	struct bench *b = *state;

	grpc_client_free(b->client);
	listeners_stop(b->d.listeners);
	do {
		run_posted(b);
	} while (pool_drain(b->d.work, clock_now_ns() + 60 * NS_PER_SEC) ||
		 pool_drain(b->d.bulk, clock_now_ns() + 60 * NS_PER_SEC));
	run_posted(b);
	registry_free(b->d.registry);
	listeners_free(b->d.listeners);
	pool_free(b->d.work);
	pool_free(b->d.bulk);
	entry_free(b->plugin);
	services_free(&b->d);
	loop_free(b->d.loop);
	config_free(b->d.config);
	buf_done(&b->sum);
	assert_int_equal(tree_remove(b->dir), 0);
	free(b->address);
	free(b->ttrpc_address);
	free(b->config_path);
	free(b);
	return 0;
}

static const struct grpc_pair in_blue[] = {
	{ "containerd-namespace", "blue" },
	{ "containerd-lease", "keep" },
	{ "traceparent", "00-1-2-01" },
};

/* A unary call with metadata: its text, or that of its error. */
static ctr_code ask(struct bench *b, const char *method, const char *text,
		    const struct grpc_pair *metadata, size_t n, char ret[256])
{
	AUTO_FREE char *path = str_printf("/test.v1.Test/%s", method);
	struct grpc_request rq = {
		.path = path,
		.data = text,
		.n = strlen(text),
		.metadata = metadata,
		.n_metadata = n,
		.deadline_ns = clock_now_ns() + 60 * NS_PER_SEC,
	};
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE void *data = NULL;
	size_t len;
	ctr_code code = grpc_client_wait(b->client, &rq, &data, &len, &err);

	if (code == CTR_OK)
		snprintf(ret, 256, "%.*s", (int)len, (const char *)data);
	else
		snprintf(ret, 256, "%s", error_text(&err));
	return code;
}

/* ---- tests ---- */

static void calls_carry_their_metadata(void **state)
{
	struct bench *b = *state;
	const struct grpc_pair other[] = { { "containerd-namespace-ttrpc", "red" } };
	char text[256];

	assert_int_equal(ask(b, "Echo", "hi", in_blue, ARRAY_SIZE(in_blue), text), CTR_OK);
	assert_string_equal(text, "hi|blue|keep|00-1-2-01|1");
	assert_int_equal(ask(b, "Pool", "ho", in_blue, 1, text), CTR_OK);
	assert_string_equal(text, "ho|blue|||0");
	assert_int_equal(ask(b, "Echo", "hi", other, 1, text), CTR_OK);
	assert_string_equal(text, "hi|red|||1");
	run_until_closed(b, 3);
}

static void namespaces_are_checked_here(void **state)
{
	struct bench *b = *state;
	static const char long_name[] =
		"a2345678901234567890123456789012345678901234567890123456789012345678901234567";
	struct grpc_pair pair = { "containerd-namespace", "" };
	char text[256];

	assert_int_equal(ask(b, "Echo", "", NULL, 0, text), CTR_FAILED_PRECONDITION);
	assert_string_equal(text, "namespace is required");
	assert_int_equal(ask(b, "Echo", "", &pair, 1, text), CTR_FAILED_PRECONDITION);
	pair.value = "a//b";
	assert_int_equal(ask(b, "Echo", "", &pair, 1, text), CTR_INVALID_ARGUMENT);
	assert_string_equal(text, "namespace validation: identifier \"a//b\" must match "
				  "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$");
	pair.value = long_name;
	assert_int_equal(ask(b, "Echo", "", &pair, 1, text), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(text, "greater than maximum length (76 characters)"));
	assert_int_equal(ask(b, "Free", "x", NULL, 0, text), CTR_OK);
	assert_string_equal(text, "x||||1");
	run_until_closed(b, 1);
	run_posted(b);
	assert_int_equal(atomic_load(&b->closed), 1); /* refused calls were never the plugin's */
}

static void failures_keep_class_and_text(void **state)
{
	struct bench *b = *state;
	char text[256];

	assert_int_equal(ask(b, "Refuse", "", in_blue, 1, text), CTR_CONFLICT);
	assert_string_equal(text, "row is newer");
	assert_int_equal(ask(b, "Refuse", "s", in_blue, 1, text), CTR_UNKNOWN);
	assert_string_equal(text, "never on the wire");
}

static void ignore(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	(void)ud;
	(void)code;
	(void)message;
	(void)data;
	(void)n;
}

static void cancel_ends_a_parked_call_once(void **state)
{
	struct bench *b = *state;
	struct grpc_request rq = { .path = "/test.v1.Test/Park",
				   .metadata = in_blue,
				   .n_metadata = 1 };
	struct grpc_stream *calls[3];
	char text[256];

	/* Two hold both threads of the bulk pool, the third waits in its queue. */
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(grpc_client_call(b->client, &rq, ignore, NULL, &calls[i]), 0);
	while (!atomic_load(&b->inside))
		assert_int_equal(ask(b, "Echo", "", in_blue, 1, text), CTR_OK);
	run_until_closed(b, 1); /* the echoes' */
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		grpc_stream_cancel(calls[i]);
	while (atomic_load(&b->cancels) < 3)
		assert_int_equal(ask(b, "Echo", "", in_blue, 1, text), CTR_OK);
	while (pool_drain(b->d.bulk, clock_now_ns() + 60 * NS_PER_SEC) != 0)
		;
	run_posted(b);
	assert_int_equal(atomic_load(&b->closed_inside), 0);
}

struct stream_end {
	struct bench *b;
	size_t n;
	ctr_code code;
	int done;
	char text[256];
};

static void on_message(void *ud, const void *data, size_t n)
{
	struct stream_end *end = ud;

	snprintf(end->text, sizeof(end->text), "%.*s", (int)MIN(n, sizeof(end->text) - 1),
		 (const char *)data);
	end->n += n;
}

static void on_end(void *ud, ctr_code code, const char *message)
{
	struct stream_end *end = ud;

	if (code != CTR_OK)
		snprintf(end->text, sizeof(end->text), "%s", message);
	end->code = code;
	end->done = 1;
	loop_stop(end->b->d.loop);
}

static const struct grpc_stream_ops stream_ops = { .message = on_message, .end = on_end };

static void run_to_end(struct bench *b, const struct stream_end *end)
{
	while (!end->done)
		assert_int_equal(loop_run(b->d.loop), 0);
}

static void messages_come_one_at_a_time(void **state)
{
	struct bench *b = *state;
	struct grpc_request rq = { .path = "/test.v1.Test/Collect",
				   .metadata = in_blue,
				   .n_metadata = 1 };
	struct stream_end end = { .b = b };
	struct grpc_stream *stream;

	assert_int_equal(grpc_client_open(b->client, &rq, &stream_ops, &end, &stream), 0);
	for (int i = 0; i < 26; i++)
		assert_int_equal(grpc_stream_send(stream, &"abcdefghijklmnopqrstuvwxyz"[i], 1), 0);
	assert_int_equal(grpc_stream_half_close(stream), 0);
	run_to_end(b, &end);
	assert_int_equal(end.code, CTR_OK);
	assert_string_equal(end.text, "abcdefghijklmnopqrstuvwxyz.");
	run_until_closed(b, 1);
}

static void long_answers_wait_for_the_reader(void **state)
{
	struct bench *b = *state;
	struct grpc_request rq = {
		.path = "/test.v1.Test/Flood",
		.data = "x",
		.n = 1,
		.metadata = in_blue,
		.n_metadata = 1,
	};
	struct stream_end end = { .b = b };
	struct grpc_stream *stream;

	assert_int_equal(grpc_client_open(b->client, &rq, &stream_ops, &end, &stream), 0);
	assert_int_equal(grpc_stream_half_close(stream), 0);
	run_to_end(b, &end);
	assert_int_equal(end.code, CTR_OK);
	assert_int_equal(end.n, FLOOD_CHUNK * FLOOD_CHUNKS);
	assert_true(atomic_load(&b->flood_peak) <= (1 << 20) + (int)FLOOD_CHUNK);
	run_until_closed(b, 1);
}

/* The reader goes in the middle: what waits for the queue is told, and the call closed. */
static void a_drain_outlives_its_reader(void **state)
{
	struct bench *b = *state;
	struct grpc_request rq = {
		.path = "/test.v1.Test/Flood",
		.data = "x",
		.n = 1,
		.metadata = in_blue,
		.n_metadata = 1,
	};
	struct stream_end end = { .b = b };
	struct grpc_stream *stream;
	char text[256];

	assert_int_equal(grpc_client_open(b->client, &rq, &stream_ops, &end, &stream), 0);
	assert_int_equal(grpc_stream_half_close(stream), 0);
	while (end.n == 0)
		assert_int_equal(ask(b, "Echo", "", in_blue, 1, text), CTR_OK);
	grpc_stream_cancel(stream);
	assert_int_equal(ask(b, "Echo", "", in_blue, 1, text), CTR_OK);
}

struct answer {
	struct bench *b;
	ctr_code code;
	int done;
	char text[256];
};

static void on_answer(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct answer *a = ud;

	a->code = code;
	a->done = 1;
	snprintf(a->text, sizeof(a->text), "%.*s", (int)(code == CTR_OK ? n : strlen(message)),
		 code == CTR_OK ? (const char *)data : message);
	loop_stop(a->b->d.loop);
}

static void shims_are_served_too(void **state)
{
	static const struct {
		const char *method, *ns;
		ctr_code code;
		const char *text;
	} cases[] = {
		{ "Echo", "blue", CTR_OK, "hi|blue|||1" },
		{ "Pool", "blue", CTR_OK, "hi|blue|||0" },
		{ "Refuse", "blue", CTR_CONFLICT, "row is newer" },
		{ "Echo", NULL, CTR_FAILED_PRECONDITION, "namespace is required" },
	};
	struct bench *b = *state;
	struct ttrpc_client *client;

	assert_int_equal(ttrpc_client_connect(b->d.loop, b->ttrpc_address, NULL, NULL, &client), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ttrpc_pair pair = { "containerd-namespace-ttrpc", cases[i].ns };
		struct ttrpc_request rq = {
			.service = "test.v1.Shim",
			.method = cases[i].method,
			.data = "hi",
			.n = 2,
			.metadata = &pair,
			.n_metadata = cases[i].ns ? 1 : 0,
		};
		struct answer a = { .b = b };

		assert_int_equal(ttrpc_client_call(client, &rq, on_answer, &a, NULL), 0);
		while (!a.done)
			assert_int_equal(loop_run(b->d.loop), 0);
		assert_int_equal(a.code, cases[i].code);
		assert_string_equal(a.text, cases[i].text);
	}
	while (pool_drain(b->d.work, clock_now_ns() + 60 * NS_PER_SEC))
		;
	run_posted(b);
	assert_int_equal(atomic_load(&b->closed), 3);
	ttrpc_client_free(client);
}

static void services_are_checked(void **state)
{
	static const struct ctr_rpc_method mixed[] = {
		{ .name = "A", .flags = CTR_RPC_TTRPC, .message = echo },
		{ .name = "B", .message = echo },
	};
	static const struct ctr_rpc_method streaming[] = {
		{ .name = "A", .flags = CTR_RPC_TTRPC | CTR_RPC_SERVER_STREAM, .message = echo },
	};
	static const struct ctr_rpc_method empty[] = { { .name = "A" } };
	static const struct ctr_rpc_service services[] = {
		{ sizeof(service), 2, "test.v1.Mixed", mixed },
		{ sizeof(service), 1, "test.v1.Streaming", streaming },
		{ sizeof(service), 1, "test.v1.Empty", empty },
		{ 8, 1, "test.v1.Short", mixed },
	};
	struct bench *b = *state;
	AUTO_ERROR err = ERROR_INIT;
	struct stat st;

	assert_int_equal(b->rpc->add(b->host, &service, b, &err), CTR_ALREADY_EXISTS);
	assert_string_equal(error_text(&err),
			    "service 'test.v1.Test' is registered by another plugin");
	assert_int_equal(b->rpc->add(b->host, &services[0], b, &err), CTR_INVALID_ARGUMENT);
	assert_int_equal(b->rpc->add(b->host, &services[1], b, &err), CTR_UNIMPLEMENTED);
	assert_int_equal(b->rpc->add(b->host, &services[2], b, &err), CTR_INVALID_ARGUMENT);
	assert_int_equal(b->rpc->add(b->host, &services[3], b, &err), CTR_INVALID_ARGUMENT);
	assert_int_equal(stat(b->address, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, bench_new, bench_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_carry_their_metadata),   TEST(namespaces_are_checked_here),
		TEST(failures_keep_class_and_text), TEST(cancel_ends_a_parked_call_once),
		TEST(messages_come_one_at_a_time),  TEST(long_answers_wait_for_the_reader),
		TEST(a_drain_outlives_its_reader),  TEST(shims_are_served_too),
		TEST(services_are_checked),
	};

	log_init("test", LOG_ERROR_, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
