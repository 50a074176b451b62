/* SPDX-License-Identifier: Apache-2.0
 *
 * The shim alone, without a daemon: how long a container takes through it, step by step, and what
 * it weighs before and after many execs. Beside bare-runc on the same bundle this is the shim's own
 * cost. shim-bench SHIM BUNDLE RUNS [EXECS]; with EXECS the bundle's process has to stay alive
 * until it is killed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "containerd/task/v2/shim.pb-c.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/spawn.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "rpc/ttrpc_client.h"

#define STEPS 7
#define NS    "shimbench"

static const char *const step_names[STEPS] = { "start", "connect", "Create",  "Start",
					       "Wait",  "Delete",  "Shutdown" };

struct bench {
	struct loop *loop;
	struct ttrpc_client *client;
	const char *shim, *bundle;
	char *id;
	char *spec; /* of execs */
	ctr_code code;
	int64_t at;
	double *ms[STEPS]; /* per run */
	double *total;
	uint32_t shim_pid;
};

static void done(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct bench *b = ud;

	(void)n;
	(void)data;
	b->code = code;
	if (code != CTR_OK)
		(void)fprintf(stderr, "shim-bench: %s\n", message);
	loop_stop(b->loop);
}

static void connected(void *ud, ctr_code code, const char *message, const void *data, size_t n)
{
	struct bench *b = ud;
	Containerd__Task__V2__ConnectResponse *rsp =
		pb_unpack(&containerd__task__v2__connect_response__descriptor, data, n, 4096);

	if (rsp)
		b->shim_pid = rsp->shim_pid;
	pb_free(rsp);
	done(ud, code, message, data, n);
}

static int call_with(struct bench *b, const char *method, const void *message, ttrpc_done_fn fn)
{
	AUTO_FREE void *data = NULL;
	struct ttrpc_request rq = { .service = "containerd.task.v2.Task", .method = method };

	if (pb_pack(message, 1 << 20, &data, &rq.n) < 0)
		return -1;
	rq.data = data;
	if (ttrpc_client_call(b->client, &rq, fn, b, NULL) < 0 || loop_run(b->loop) < 0)
		return -1;
	return b->code == CTR_OK ? 0 : -1;
}

static int call(struct bench *b, const char *method, const void *message)
{
	return call_with(b, method, message, done);
}

static void step(struct bench *b, int run, int which)
{
	int64_t now = clock_now_ns();

	b->ms[which][run] = (double)(now - b->at) / 1e6;
	b->total[run] += b->ms[which][run];
	b->at = now;
}

static char *start_shim(struct bench *b)
{
	char *const argv[] = { (char *)(uintptr_t)b->shim,
			       (char[]){ "-namespace" },
			       (char[]){ NS },
			       (char[]){ "-id" },
			       b->id,
			       (char[]){ "-address" },
			       (char[]){ "/nowhere" },
			       (char[]){ "start" },
			       NULL };
	AUTO_CLOSE int cwd = open(b->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct spawn s = { .path = b->shim, .argv = argv, .cwd_fd = cwd };
	char *out = NULL;
	int status = 0;

	if (cwd < 0 || spawn_run(&s, 4096, &out, &status) < 0 || status != 0 ||
	    !str_starts(out, "unix://")) {
		(void)fprintf(stderr, "shim-bench: shim does not start: %s\n", out ? out : "");
		free(out);
		return NULL;
	}
	return out;
}

static int create_and_start(struct bench *b, int run)
{
	Containerd__Task__V2__CreateTaskRequest create =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Containerd__Task__V2__StartRequest start = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	AUTO_FREE char *address = NULL;

	b->at = clock_now_ns();
	address = start_shim(b);
	if (!address)
		return -1;
	step(b, run, 0);
	if (ttrpc_client_connect(b->loop, address + strlen("unix://"), NULL, NULL, &b->client) < 0)
		return -1;
	step(b, run, 1);
	create.id = start.id = b->id;
	create.bundle = (char *)(uintptr_t)b->bundle;
	if (call(b, "Create", &create) < 0)
		return -1;
	step(b, run, 2);
	if (call(b, "Start", &start) < 0)
		return -1;
	step(b, run, 3);
	return 0;
}

static int finish(struct bench *b, int run)
{
	Containerd__Task__V2__WaitRequest wait = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	Containerd__Task__V2__DeleteRequest delete = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
	Containerd__Task__V2__ShutdownRequest shutdown =
		CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	wait.id = delete.id = shutdown.id = b->id;
	if (call(b, "Wait", &wait) < 0)
		return -1;
	step(b, run, 4);
	if (call(b, "Delete", &delete) < 0)
		return -1;
	step(b, run, 5);
	if (call(b, "Shutdown", &shutdown) < 0)
		return -1;
	step(b, run, 6);
	ttrpc_client_free(b->client);
	b->client = NULL;
	return 0;
}

static void print_memory(const struct bench *b, const char *when)
{
	AUTO_FREE char *path = str_printf("/proc/%u/smaps_rollup", b->shim_pid);
	AUTO_FREE char *text = NULL;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	static const char *const keys[] = { "\nPrivate_Dirty:", "\nPss:" };

	if (fd < 0 || io_read_fd(fd, 65536, &text, NULL) < 0)
		return;
	(void)printf("%s:", when);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *line = strstr(text, keys[i]);

		if (line)
			(void)printf(" %.*s", (int)strcspn(line + 1, "\n"), line + 1);
	}
	(void)printf("\n");
}

static int one_exec(struct bench *b, int i)
{
	AUTO_FREE char *exec_id = str_printf("e%d", i);
	Containerd__Task__V2__ExecProcessRequest exec =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Containerd__Task__V2__StartRequest start = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	Containerd__Task__V2__WaitRequest wait = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	Containerd__Task__V2__DeleteRequest delete = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	any.value.data = (uint8_t *)b->spec;
	any.value.len = strlen(b->spec);
	exec.id = start.id = wait.id = delete.id = b->id;
	exec.exec_id = start.exec_id = wait.exec_id = delete.exec_id = exec_id;
	exec.spec = &any;
	return call(b, "Exec", &exec) < 0 || call(b, "Start", &start) < 0 ||
			       call(b, "Wait", &wait) < 0 || call(b, "Delete", &delete) < 0
		       ? -1
		       : 0;
}

static int run_execs(struct bench *b, int execs)
{
	Containerd__Task__V2__ConnectRequest connect = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
	Containerd__Task__V2__KillRequest kill_rq = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
	int64_t begin;

	connect.id = kill_rq.id = b->id;
	kill_rq.signal = SIGKILL;
	if (call_with(b, "Connect", &connect, connected) < 0)
		return -1;
	print_memory(b, "one container");
	begin = clock_now_ns();
	for (int i = 0; i < execs; i++)
		if (one_exec(b, i) < 0)
			return -1;
	(void)printf("exec: %.2f ms each\n", (double)(clock_now_ns() - begin) / 1e6 / execs);
	print_memory(b, "after the execs");
	return call(b, "Kill", &kill_rq);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return v[n / 2];
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	uint32_t runs = 0, execs = 0;
	int r;

	if (argc < 4 || parse_u32(argv[3], &runs) < 0 || runs == 0 ||
	    (argc > 4 && parse_u32(argv[4], &execs) < 0)) {
		(void)fprintf(stderr, "usage: shim-bench SHIM BUNDLE RUNS [EXECS]\n");
		return EXIT_FAILURE;
	}
	b.shim = argv[1];
	b.bundle = argv[2];
	b.spec = str_dup("{\"args\":[\"/bin/true\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0}}");
	b.total = calloc(runs, sizeof(double));
	for (int i = 0; i < STEPS; i++)
		b.ms[i] = calloc(runs, sizeof(double));
	r = loop_new(&b.loop);
	for (uint32_t i = 0; r == 0 && i < runs; i++) {
		b.id = str_printf("b%d-%u", (int)getpid(), i);
		r = create_and_start(&b, (int)i);
		if (r == 0 && execs > 0)
			r = run_execs(&b, (int)execs);
		b.at = clock_now_ns();
		if (r == 0)
			r = finish(&b, (int)i);
		free(b.id);
	}
	for (int i = 0; r == 0 && i < STEPS; i++)
		(void)printf("%-9s %7.2f ms\n", step_names[i], median(b.ms[i], (int)runs));
	if (r == 0)
		(void)printf("%-9s %7.2f ms\n", "all", median(b.total, (int)runs));
	for (int i = 0; i < STEPS; i++)
		free(b.ms[i]);
	free(b.total);
	free(b.spec);
	ttrpc_client_free(b.client);
	loop_free(b.loop);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
