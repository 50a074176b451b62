/* SPDX-License-Identifier: Apache-2.0
 *
 * version, introspection and health of a real daemon with the API plugin and one snapshotter that
 * cannot run: what a client reads of it.
 */
#include <fcntl.h>
#include <poll.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/spawn.h"
#include "base/str.h"
#include "containerd/services/introspection/v1/introspection.pb-c.h"
#include "containerd/services/version/v1/version.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "rpc/grpc_client.h"
#include "tests/unit/core/tree.h"

typedef Containerd__Services__Introspection__V1__PluginsResponse plugins_response;
typedef Containerd__Services__Introspection__V1__Plugin plugin_message;
typedef Containerd__Services__Introspection__V1__ServerResponse server_response;
typedef Containerd__Services__Introspection__V1__PluginInfoResponse info_response;

struct bench {
	char dir[64];
	char *address;
	pid_t pid;
	int pidfd;
	struct loop *loop;
	struct grpc_client *client;
};

static void write_config(const struct bench *b, const char *path)
{
	FILE *f = fopen(path, "we");

	(void)b;
	assert_non_null(f);
	fprintf(f,
		"unsafe_plugin_paths = true\n"
		"plugin_files = [ '%s/skipping.so', '%s/failing_init.so', '%s/good.so', '%s' ]\n",
		TEST_PLUGINS, TEST_PLUGINS, TEST_PLUGINS, API_GRPC);
	assert_int_equal(fclose(f), 0);
}

static int bench_new(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_FREE char *config = NULL, *root = NULL, *run = NULL, *env = NULL;
	char *argv[10], *envp[] = { NULL, NULL };
	struct spawn s = SPAWN_INIT;
	struct pollfd p = { .events = POLLIN };

	strcpy(b->dir, "/tmp/ctr-api-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	config = str_printf("%s/c.toml", b->dir);
	root = str_printf("%s/root", b->dir);
	run = str_printf("%s/run", b->dir);
	b->address = str_printf("%s/s.sock", b->dir);
	env = str_printf("NOTIFY_SOCKET=%s/notify", b->dir);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", b->dir);
	p.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p.fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	write_config(b, config);

	static char c[] = "-c", r[] = "--root", st[] = "--state", a[] = "-a", ctrd[] = CTRD;
	char *words[] = { ctrd, c, config, r, root, st, run, a, b->address, NULL };

	memcpy(argv, words, sizeof(words));
	envp[0] = env;
	s.path = CTRD;
	s.argv = argv;
	s.envp = envp;
	assert_int_equal(spawn_start(&s, &b->pid, &b->pidfd), 0);
	assert_int_equal(poll(&p, 1, 30000), 1); /* READY=1 */
	close(p.fd);
	assert_int_equal(loop_new(&b->loop), 0);
	assert_int_equal(grpc_client_connect(b->loop, b->address, NULL, NULL, &b->client), 0);
	*state = b;
	return 0;
}

static int bench_free(void **state)
{
	struct bench *b = *state;
	siginfo_t info = { 0 };

	grpc_client_free(b->client);
	loop_free(b->loop);
	assert_int_equal(syscall(SYS_pidfd_send_signal, b->pidfd, SIGTERM, NULL, 0), 0);
	assert_int_equal(waitid(P_PIDFD, (id_t)b->pidfd, &info, WEXITED), 0);
	assert_int_equal(info.si_status, 0);
	close(b->pidfd);
	assert_int_equal(tree_remove(b->dir), 0);
	free(b->address);
	free(b);
	return 0;
}

/* A unary call: the reply as a message that the caller frees, or NULL and the code. */
static void *ask(struct bench *b, const char *path, const ProtobufCMessage *request,
		 const ProtobufCMessageDescriptor *type, ctr_code *ret_code, char text[256])
{
	AUTO_FREE uint8_t *data = NULL;
	AUTO_FREE void *reply = NULL;
	AUTO_ERROR err = ERROR_INIT;
	struct grpc_request rq = { .path = path, .data = "" };
	void *message = NULL;
	size_t n;

	if (request) {
		rq.n = protobuf_c_message_get_packed_size(request);
		data = malloc(rq.n + 1);
		protobuf_c_message_pack(request, data);
		rq.data = data;
	}
	*ret_code = grpc_client_wait(b->client, &rq, &reply, &n, &err);
	snprintf(text, 256, "%s", error_text(&err));
	if (*ret_code == CTR_OK) {
		message = protobuf_c_message_unpack(type, NULL, n, reply);
		assert_non_null(message);
	}
	return message;
}

static void version_is_told(void **state)
{
	struct bench *b = *state;
	Containerd__Services__Version__V1__VersionResponse *v;
	char text[256];
	ctr_code code;

	v = ask(b, "/containerd.services.version.v1.Version/Version", NULL,
		&containerd__services__version__v1__version_response__descriptor, &code, text);
	assert_non_null(v);
	assert_string_equal(v->version, "v" CTR_VERSION);
	protobuf_c_message_free_unpacked(&v->base, NULL);
}

static plugins_response *plugins(struct bench *b, const char *filter, ctr_code *ret_code,
				 char text[256])
{
	Containerd__Services__Introspection__V1__PluginsRequest rq =
		CONTAINERD__SERVICES__INTROSPECTION__V1__PLUGINS_REQUEST__INIT;
	AUTO_FREE char *copy = str_dup(filter);
	char *filters[] = { copy };

	rq.filters = filters;
	rq.n_filters = filter ? 1 : 0;
	return ask(b, "/containerd.services.introspection.v1.Introspection/Plugins", &rq.base,
		   &containerd__services__introspection__v1__plugins_response__descriptor, ret_code,
		   text);
}

static const plugin_message *find(const plugins_response *all, const char *type, const char *id)
{
	for (size_t i = 0; i < all->n_plugins; i++) {
		if (str_eq(all->plugins[i]->type, type) && str_eq(all->plugins[i]->id, id))
			return all->plugins[i];
	}
	fail_msg("no plugin %s.%s", type, id);
	return NULL;
}

#define SNAPSHOTTER "io.containerd.snapshotter.v1"

static void plugins_are_told_with_their_states(void **state)
{
	struct bench *b = *state;
	const plugin_message *p;
	plugins_response *all;
	char text[256];
	ctr_code code;

	all = plugins(b, NULL, &code, text);
	assert_non_null(all);
	p = find(all, SNAPSHOTTER, "good");
	assert_null(p->init_err);
	assert_int_equal(p->n_platforms, 1);
	assert_string_equal(p->platforms[0]->os, "linux");
	assert_string_equal(p->platforms[0]->architecture, "amd64");
	assert_string_equal(p->capabilities[0], "rebase");
	assert_string_equal(p->exports[0]->key, "root");
	p = find(all, SNAPSHOTTER, "failing");
	assert_int_equal(p->init_err->code, CTR_UNAVAILABLE);
	assert_string_equal(p->init_err->message, "no such luck");
	p = find(all, SNAPSHOTTER, "skipping");
	assert_int_equal(p->init_err->code, CTR_UNKNOWN);
	assert_string_equal(p->init_err->message,
			    "no such file system in this kernel: skip plugin");
	p = find(all, "io.containerd.grpc.v1", "introspection");
	assert_string_equal(p->requires[0], "io.containerd.service.v1");
	(void)find(all, "io.containerd.grpc.v1", "healthcheck");
	(void)find(all, "io.containerd.event.v1", "exchange");
	protobuf_c_message_free_unpacked(&all->base, NULL);

	all = plugins(b, "type==" SNAPSHOTTER ", id==good", &code, text);
	assert_non_null(all);
	assert_int_equal(all->n_plugins, 1);
	protobuf_c_message_free_unpacked(&all->base, NULL);
	assert_null(plugins(b, "name=x", &code, text));
	assert_int_equal(code, CTR_INVALID_ARGUMENT);
}

static void the_server_names_itself(void **state)
{
	struct bench *b = *state;
	server_response *server;
	struct stat st;
	char text[256];
	ctr_code code;

	server = ask(b, "/containerd.services.introspection.v1.Introspection/Server", NULL,
		     &containerd__services__introspection__v1__server_response__descriptor, &code,
		     text);
	assert_non_null(server);
	assert_int_equal(strlen(server->uuid), 36);
	assert_int_equal(server->pid, b->pid);
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	assert_int_equal(server->pidns, st.st_ino);
	assert_int_equal(server->n_deprecations, 1);
	assert_non_null(strstr(server->deprecations[0]->message, "unsafe_plugin_paths"));
	protobuf_c_message_free_unpacked(&server->base, NULL);
}

static void one_plugin_can_be_asked_for(void **state)
{
	struct bench *b = *state;
	Containerd__Services__Introspection__V1__PluginInfoRequest rq =
		CONTAINERD__SERVICES__INTROSPECTION__V1__PLUGIN_INFO_REQUEST__INIT;
	static const char path[] = "/containerd.services.introspection.v1.Introspection/PluginInfo";
	const ProtobufCMessageDescriptor *type =
		&containerd__services__introspection__v1__plugin_info_response__descriptor;
	Google__Protobuf__Any options = GOOGLE__PROTOBUF__ANY__INIT;
	char kind[] = SNAPSHOTTER, good[] = "good", absent[] = "absent", text[256];
	info_response *info;
	ctr_code code;

	rq.type = kind;
	rq.id = good;
	info = ask(b, path, &rq.base, type, &code, text);
	assert_non_null(info);
	assert_string_equal(info->plugin->id, "good");
	protobuf_c_message_free_unpacked(&info->base, NULL);
	rq.options = &options;
	assert_null(ask(b, path, &rq.base, type, &code, text));
	assert_int_equal(code, CTR_UNIMPLEMENTED);
	rq.id = absent;
	assert_null(ask(b, path, &rq.base, type, &code, text));
	assert_int_equal(code, CTR_NOT_FOUND);
}

struct watch {
	struct bench *b;
	int serving;
};

static void on_health(void *ud, const void *data, size_t n)
{
	struct watch *w = ud;
	Grpc__Health__V1__HealthCheckResponse *reply =
		grpc__health__v1__health_check_response__unpack(NULL, n, data);

	assert_non_null(reply);
	w->serving =
		reply->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	grpc__health__v1__health_check_response__free_unpacked(reply, NULL);
	loop_stop(w->b->loop);
}

static void on_end(void *ud, ctr_code code, const char *message)
{
	(void)ud;
	fail_msg("the watch ended with %d: %s", code, message);
}

static void health_is_told(void **state)
{
	struct bench *b = *state;
	Grpc__Health__V1__HealthCheckRequest rq = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	Grpc__Health__V1__HealthCheckResponse *reply;
	Grpc__Health__V1__HealthListResponse *list;
	static const struct grpc_stream_ops ops = { .message = on_health, .end = on_end };
	struct grpc_request open = { .path = "/grpc.health.v1.Health/Watch", .data = "" };
	struct watch watch = { .b = b };
	struct grpc_stream *stream;
	char other[] = "other", text[256];
	ctr_code code;

	reply = ask(b, "/grpc.health.v1.Health/Check", &rq.base,
		    &grpc__health__v1__health_check_response__descriptor, &code, text);
	assert_non_null(reply);
	assert_int_equal(reply->status,
			 GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	protobuf_c_message_free_unpacked(&reply->base, NULL);
	rq.service = other;
	assert_null(ask(b, "/grpc.health.v1.Health/Check", &rq.base,
			&grpc__health__v1__health_check_response__descriptor, &code, text));
	assert_int_equal(code, CTR_NOT_FOUND);
	assert_string_equal(text, "unknown service");
	list = ask(b, "/grpc.health.v1.Health/List", NULL,
		   &grpc__health__v1__health_list_response__descriptor, &code, text);
	assert_non_null(list);
	assert_int_equal(list->n_statuses, 1);
	protobuf_c_message_free_unpacked(&list->base, NULL);

	assert_int_equal(grpc_client_open(b->client, &open, &ops, &watch, &stream), 0);
	(void)grpc_stream_half_close(stream);
	assert_int_equal(loop_run(b->loop), 0);
	assert_true(watch.serving);
	grpc_stream_cancel(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_is_told),
		cmocka_unit_test(plugins_are_told_with_their_states),
		cmocka_unit_test(the_server_names_itself),
		cmocka_unit_test(one_plugin_can_be_asked_for),
		cmocka_unit_test(health_is_told),
	};

	if (syscall(SYS_pidfd_open, getpid(), 0) < 0) { /* valgrind knows no such call */
		print_message("pidfd_open: %s\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, bench_new, bench_free);
}
