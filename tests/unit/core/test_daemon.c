/* SPDX-License-Identifier: Apache-2.0
 *
 * The program as its service manager sees it: started, told of, signalled, killed, started again.
 * Every daemon is awaited through NOTIFY_SOCKET and its pidfd; nothing sleeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#include "base/buf.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/spawn.h"
#include "base/str.h"
#include "rpc/grpc_client.h"
#include "tests/unit/core/tree.h"

#define WAIT_MS 30000
#define SNAP    "io.containerd.snapshotter.v1."

struct bench {
	char dir[64];
	char *config, *notify_path, *notify_env;
	int notify; /* where daemons tell of themselves */
};

struct daemon_process {
	char *root, *address, *log;
	pid_t pid;
	int pidfd;
};

static void put_config(const struct bench *b, const char *plugin, const char *more)
{
	FILE *f = fopen(b->config, "we");

	assert_non_null(f);
	fprintf(f, "unsafe_plugin_paths = true\nplugin_files = [ '%s/%s.so' ]\n%s\n", TEST_PLUGINS,
		plugin, more);
	assert_int_equal(fclose(f), 0);
}

static int bench_new(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strcpy(b->dir, "/tmp/ctr-daemon-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->config = str_printf("%s/c.toml", b->dir);
	b->notify_path = str_printf("%s/notify", b->dir);
	b->notify_env = str_printf("NOTIFY_SOCKET=%s", b->notify_path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", b->notify_path);
	b->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(b->notify, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	put_config(b, "good", "");
	*state = b;
	return 0;
}

static int bench_free(void **state)
{
	struct bench *b = *state;

	close(b->notify);
	assert_int_equal(tree_remove(b->dir), 0);
	free(b->config);
	free(b->notify_path);
	free(b->notify_env);
	free(b);
	return 0;
}

/*
 * A daemon of its own root, state and socket, which are all named after name but where shared says
 * otherwise.
 */
static void start(const struct bench *b, const char *name, const char *address,
		  struct daemon_process *ret)
{
	AUTO_FREE char *state = str_printf("%s/%s.state", b->dir, name);
	char *argv[] = { str_dup(CTRD), str_dup("-c"),
			 b->config,     str_dup("--root"),
			 NULL,          str_dup("--state"),
			 state,         str_dup("-a"),
			 NULL,          NULL };
	char *envp[] = { b->notify_env, NULL };
	struct spawn s = SPAWN_INIT;
	struct spawn_fd fd = { .to = 2 };

	ret->root = str_printf("%s/%s.root", b->dir, name);
	ret->address = address ? str_dup(address) : str_printf("%s/%s.sock", b->dir, name);
	ret->log = str_printf("%s/%s.log", b->dir, name);
	argv[4] = ret->root;
	argv[8] = ret->address;
	fd.from = open(ret->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd.from >= 0);
	s.path = CTRD;
	s.argv = argv;
	s.envp = envp;
	s.fds = &fd;
	s.n_fds = 1;
	assert_int_equal(spawn_start(&s, &ret->pid, &ret->pidfd), 0);
	close(fd.from);
	free(argv[0]);
	free(argv[1]);
	free(argv[3]);
	free(argv[5]);
	free(argv[7]);
}

/* What some daemon tells next; "" when the process ended instead. */
static void await_told(const struct bench *b, const struct daemon_process *d, char ret[64])
{
	struct pollfd p[] = { { .fd = b->notify, .events = POLLIN },
			      { .fd = d->pidfd, .events = POLLIN } };
	ssize_t n;

	assert_true(poll(p, 2, WAIT_MS) > 0);
	ret[0] = '\0';
	if (!(p[0].revents & POLLIN))
		return;
	n = recv(b->notify, ret, 63, 0);
	assert_true(n > 0);
	ret[n] = '\0';
}

static void await_ready(const struct bench *b, const struct daemon_process *d)
{
	char told[64];

	await_told(b, d, told);
	assert_string_equal(told, "READY=1");
}

static void tell(const struct daemon_process *d, int signal_number)
{
	assert_int_equal(syscall(SYS_pidfd_send_signal, d->pidfd, signal_number, NULL, 0), 0);
}

/* Exit code, or minus the signal. */
static int await_end(struct daemon_process *d)
{
	siginfo_t info = { 0 };
	struct pollfd p = { .fd = d->pidfd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(waitid(P_PIDFD, (id_t)d->pidfd, &info, WEXITED), 0);
	return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

static void done(struct daemon_process *d)
{
	close(d->pidfd);
	free(d->root);
	free(d->address);
	free(d->log);
}

static void assert_logged(const struct daemon_process *d, const char *text)
{
	AUTO_FREE char *log = NULL;

	assert_int_equal(io_read_file(AT_FDCWD, d->log, 1 << 20, &log, NULL), 0);
	if (!strstr(log, text))
		fail_msg("'%s' lacks '%s'", log, text);
}

/* A daemon without an API plugin answers that it knows no service, which is an answer. */
static void assert_answers(const struct daemon_process *d)
{
	struct grpc_request rq = { .path = "/x.Y/Z", .deadline_ns = 0 };
	struct grpc_client *client;
	AUTO_ERROR err = ERROR_INIT;
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(grpc_client_connect(loop, d->address, NULL, NULL, &client), 0);
	assert_int_equal(grpc_client_wait(client, &rq, NULL, NULL, &err), CTR_UNIMPLEMENTED);
	assert_non_null(strstr(error_text(&err), "unknown service x.Y"));
	grpc_client_free(client);
	loop_free(loop);
}

static void ready_is_told_and_sigterm_ends(void **state)
{
	struct bench *b = *state;
	struct daemon_process d;
	AUTO_FREE char *uuid = NULL, *again = NULL, *path = NULL;
	struct stat st;
	char told[64];

	start(b, "a", NULL, &d);
	await_ready(b, &d);
	assert_answers(&d);
	path = str_printf("%s/uuid", d.root);
	assert_int_equal(io_read_file(AT_FDCWD, path, 64, &uuid, NULL), 0);
	assert_int_equal(strlen(uuid), 36);
	assert_int_equal(stat(d.root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(d.address, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_logged(&d, "unsafe_plugin_paths is set");

	tell(&d, SIGTERM);
	await_told(b, &d, told);
	assert_string_equal(told, "STOPPING=1");
	assert_int_equal(await_end(&d), 0);
	assert_int_equal(stat(d.address, &st), -1);
	done(&d);

	start(b, "a", NULL, &d);
	await_ready(b, &d);
	tell(&d, SIGINT);
	await_told(b, &d, told);
	assert_int_equal(await_end(&d), 0);
	assert_int_equal(io_read_file(AT_FDCWD, path, 64, &again, NULL), 0);
	assert_string_equal(uuid, again); /* for life */
	done(&d);
}

static void sighup_and_sigusr_never_end_it(void **state)
{
	struct bench *b = *state;
	struct daemon_process d;
	char told[64];

	start(b, "a", NULL, &d);
	await_ready(b, &d);
	put_config(b, "good", "[log]\nlevel = 'debug'");
	tell(&d, SIGHUP);
	tell(&d, SIGUSR1);
	tell(&d, SIGPIPE);
	assert_answers(&d);
	put_config(b, "good", "nonsense = [");
	tell(&d, SIGHUP);
	assert_answers(&d);
	tell(&d, SIGTERM);
	await_told(b, &d, told);
	assert_int_equal(await_end(&d), 0);
	assert_logged(&d, "log level is debug");
	assert_logged(&d, "the configuration cannot be read, nothing changes");
	done(&d);
}

static void one_daemon_a_root_and_a_socket(void **state)
{
	struct bench *b = *state;
	struct daemon_process first, second;
	AUTO_FREE char *elsewhere = str_printf("%s/other.sock", b->dir);
	char told[64];

	start(b, "a", NULL, &first);
	await_ready(b, &first);
	start(b, "a", elsewhere, &second);
	assert_int_equal(await_end(&second), 1);
	assert_logged(&second, "a.root' is in use by another daemon");
	done(&second);

	await_told(b, &first, told); /* the second one's STOPPING=1 */
	start(b, "b", first.address, &second);
	assert_int_equal(await_end(&second), 1);
	assert_logged(&second, "a.sock'");
	done(&second);
	assert_answers(&first);
	tell(&first, SIGKILL);
	assert_int_equal(await_end(&first), -SIGKILL);
	done(&first);

	/* What a killed daemon left is taken over: the lock, and the dead socket. */
	while (recv(b->notify, told, sizeof(told), MSG_DONTWAIT) > 0)
		;
	start(b, "a", NULL, &first);
	await_ready(b, &first);
	assert_answers(&first);
	tell(&first, SIGTERM);
	assert_int_equal(await_end(&first), 0);
	done(&first);
}

static void faults_end_the_start(void **state)
{
	static const struct {
		const char *plugin, *more, *message;
	} cases[] = {
		{ "failing_init", "required_plugins = ['" SNAP "failing']",
		  "required plugin '" SNAP "failing' failed: no such luck" },
		{ "failing_start", "required_plugins = ['" SNAP "failing_start']",
		  "the engine does not turn" },
		{ "good", "rot = '/x'", "c.toml:3: unknown key 'rot', did you mean 'root'" },
		{ "good", "[ttrpc]\naddress = 'x'",
		  "c.toml:4: ttrpc.address: 'x' is not an absolute path" },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct daemon_process d;

		put_config(b, cases[i].plugin, cases[i].more);
		start(b, "a", NULL, &d);
		assert_int_equal(await_end(&d), 1);
		assert_logged(&d, cases[i].message);
		done(&d);
	}
}

static void foreign_folders_are_refused(void **state)
{
	struct bench *b = *state;
	AUTO_FREE char *root = str_printf("%s/a.root", b->dir);
	struct daemon_process d;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(root, 0755), 0);
	assert_int_equal(chown(root, 65534, 65534), 0);
	start(b, "a", NULL, &d);
	assert_int_equal(await_end(&d), 1);
	assert_logged(&d, "a.root'");
	done(&d);
}

/* Run ctrd with these words; its output and exit code. */
static int run(const struct bench *b, const char *const *words, char **ret_output)
{
	char *argv[12] = { NULL };
	struct spawn s = SPAWN_INIT;
	int status;
	size_t n = 0;

	argv[n++] = str_dup(CTRD);
	for (; *words; words++)
		argv[n++] = str_dup(str_eq(*words, "@") ? b->config : *words);
	s.path = CTRD;
	s.argv = argv;
	assert_int_equal(spawn_run(&s, 1 << 20, ret_output, &status), 0);
	for (size_t i = 0; i < n; i++)
		free(argv[i]);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void the_command_line(void **state)
{
	static const struct {
		const char *const words[8];
		int code;
		const char *output; /* contained */
	} cases[] = {
		{ { "--version" }, 0, "ctrd " },
		{ { "--help" }, 0, "usage: ctrd" },
		{ { "--nonsense" }, 2, "usage: ctrd" },
		{ { "dance" }, 2, "unknown command 'dance'" },
		{ { "config" }, 2, "config: default, show or check" },
		{ { "config", "check", "it" }, 2, "unexpected argument 'it'" },
		{ { "config", "default" }, 0, "default_snapshotter = \"overlayfs\"" },
		{ { "-c", "@", "config", "check" }, 0, "" },
		{ { "-c", "@", "--root", "/r", "config", "show", "--origin" },
		  0,
		  "root = \"/r\"  # command line" },
		{ { "-c", "/nowhere", "config", "check" },
		  1,
		  "read '/nowhere': No such file or directory" },
	};
	struct bench *b = *state;
	AUTO_FREE char *faults = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *output = NULL;

		assert_int_equal(run(b, cases[i].words, &output), cases[i].code);
		if (!strstr(output, cases[i].output))
			fail_msg("'%s' lacks '%s'", output, cases[i].output);
	}
	put_config(b, "wrong_magic", "[plugins.'a.b']\n");
	assert_int_equal(run(b, WORDS("-c", "@", "config", "check"), &faults), 1);
	assert_non_null(strstr(faults, "c.toml:2: '" TEST_PLUGINS
				       "/wrong_magic.so' is no plugin: wrong magic"));
	assert_non_null(strstr(faults, "c.toml:3: no plugin 'a.b' in plugin_files"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, bench_new, bench_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ready_is_told_and_sigterm_ends), TEST(sighup_and_sigusr_never_end_it),
		TEST(one_daemon_a_root_and_a_socket), TEST(faults_end_the_start),
		TEST(foreign_folders_are_refused),    TEST(the_command_line),
	};

	if (syscall(SYS_pidfd_open, getpid(), 0) < 0) { /* valgrind knows no such call */
		print_message("pidfd_open: %s\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
