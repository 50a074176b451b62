/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshotter-suite FILE.so: what a snapshotter must do, one case after the other, each in a process of its own on
 * directories of its own. Prints TAP. 0: all passed; 1: some did not; 2: wrong usage; 77: cannot run here.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "base/spawn.h"
#include "base/str.h"
#include "tests/conformance/kit.h"

#define CASE_SECONDS 300
#define REPORT_MAX   2048
#define TEXT_MAX     (4 * 1024 * 1024)

static const struct kit_case *const groups[] = { cases_rows, cases_layers, cases_life,
						 cases_contract };

/* ---- one case ---- */

static int run_inside(struct kit *k, const struct kit_case *c, struct hygiene *before)
{
	/* Libraries open things once, at their first use: that is not the plugin's doing case by case. */
	if (!c->own_world) {
		STEP(world_open(k));
		world_close(k);
	}
	MUST(k, hygiene_take(before) == 0, "read the state of the process");
	if (!c->own_world)
		STEP(world_open(k));
	STEP(c->run(k));
	STEP(*k->why ? -1 : 0); /* a broken promise in a call whose result the case did not need */
	if (!c->own_world)
		world_close(k);
	return hygiene_compare(k, before);
}

static void unmount_below(const char *dir)
{
	AUTO_FREE char *text = NULL;
	char *rest, *line;

	if (io_read_file(AT_FDCWD, "/proc/self/mounts", TEXT_MAX, &text, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *path = strchr(line, ' ');
		char *end = path ? strchr(path + 1, ' ') : NULL;

		if (!end)
			continue;
		*end = '\0';
		if (str_starts(path + 1, dir))
			umount2(path + 1, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
}

/* The report: "" passed; "skip <why>"; "fail <why>". */
static void run_here(struct kit *k, const struct kit_case *c, char ret[REPORT_MAX])
{
	struct hygiene before = { BUF_INIT(0), BUF_INIT(0) };

	if (run_inside(k, c, &before) < 0)
		snprintf(ret, REPORT_MAX, "fail %s", *k->why ? k->why : "no reason was given");
	else
		snprintf(ret, REPORT_MAX, "%s%s", *k->skip ? "skip " : "", k->skip);
	hygiene_done(&before);
	unmount_below(k->dir);
	world_close(k);
}

static void child(struct kit *k, const struct kit_case *c, int out)
{
	char report[REPORT_MAX] = "";

	alarm(CASE_SECONDS);
	run_here(k, c, report);
	free(k);
	if (io_write_full(out, report, strlen(report)) < 0)
		exit(1);
	close(out);
	exit(0); /* not _exit: leak checkers report now */
}

static void run_in_process(struct kit *k, const struct kit_case *c, char ret[REPORT_MAX])
{
	AUTO_FREE char *text = NULL;
	int pipes[2], status = 0;
	pid_t pid;

	fflush(NULL);
	if (pipe2(pipes, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		snprintf(ret, REPORT_MAX, "fail start a process: %s", strerrordesc_np(errno));
		return;
	}
	if (pid == 0) {
		close(pipes[0]);
		child(k, c, pipes[1]);
	}
	close(pipes[1]);
	if (io_read_fd(pipes[0], REPORT_MAX, &text, NULL) < 0)
		text = NULL;
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		snprintf(ret, REPORT_MAX, "fail ended by %s%s", sigdescr_np(WTERMSIG(status)),
			 WTERMSIG(status) == SIGALRM ? ": it took too long" : "");
	else if (WEXITSTATUS(status) != 0)
		snprintf(ret, REPORT_MAX, "fail exit status %d %s", WEXITSTATUS(status),
			 str_or(text, ""));
	else
		snprintf(ret, REPORT_MAX, "%s", str_or(text, ""));
}

static struct kit *kit_new(const struct kit_args *args)
{
	struct kit *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->args = args;
	snprintf(k->dir, sizeof(k->dir), "%.200s/ctr-kit-XXXXXX", args->dir);
	if (mkdtemp(k->dir))
		return k;
	fprintf(stderr, "snapshotter-suite: make '%s': %s\n", k->dir, strerrordesc_np(errno));
	free(k);
	return NULL;
}

/* Also what a case left that died. */
static void kit_free(struct kit *k)
{
	unmount_below(k->dir);
	if (k->args->keep)
		printf("# %s\n", k->dir);
	else
		path_remove_tree(AT_FDCWD, k->dir);
	free(k);
}

static void run_case(const struct kit_args *args, const struct kit_case *c, char ret[REPORT_MAX])
{
	struct kit *k = kit_new(args);

	if (!k) {
		snprintf(ret, REPORT_MAX, "fail no directory to work in");
		return;
	}
	(args->in_process ? run_here : run_in_process)(k, c, ret);
	kit_free(k);
}

/* ---- all of them ---- */

/* Comments of TAP and shells that read it want one line. */
static void one_line(char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			*s = ' ';
	}
}

static int matches(char *const *only, const char *name)
{
	if (!*only)
		return 1;
	for (; *only; only++) {
		if (str_eq(*only, name))
			return 1;
	}
	return 0;
}

static int run_all(const struct kit_args *args, char *const *only)
{
	unsigned number = 0, failed = 0, skipped = 0;

	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		for (const struct kit_case *c = groups[g]; c->name; c++) {
			char report[REPORT_MAX] = "";

			if (!matches(only, c->name))
				continue;
			number++;
			run_case(args, c, report);
			one_line(report);
			if (str_starts(report, "fail ")) {
				failed++;
				printf("not ok %u - %s\n# %s\n", number, c->name, report + 5);
			} else if (str_starts(report, "skip ")) {
				skipped++;
				printf("ok %u - %s # SKIP %s\n", number, c->name, report + 5);
			} else {
				printf("ok %u - %s\n", number, c->name);
			}
			fflush(stdout);
		}
	}
	printf("1..%u\n%u passed, %u failed, %u skipped\n", number, number - failed - skipped,
	       failed, skipped);
	return failed > 0 || number == 0;
}

/* Mounts are made where nobody else sees them, and are gone with this process. */
static int enter_namespace(void)
{
	if (geteuid() != 0) {
		printf("1..0 # SKIP mounting needs root\n");
		return 77;
	}
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("1..0 # SKIP make a mount namespace: %s\n", strerrordesc_np(errno));
		return 77;
	}
	return 0;
}

/* A plugin that says CTR_SKIP cannot be tested on this machine. */
static int probe(const struct kit_args *args)
{
	struct kit *k = kit_new(args);
	int status = 0;

	if (!k)
		return 1;
	if (world_open(k) < 0)
		status = strstr(k->why, "cannot run here") ? 77 : 1;
	one_line(k->why);
	if (status == 77)
		printf("1..0 # SKIP %s\n", k->why);
	else if (status)
		printf("not ok 1 - Load\n# %s\n1..1\n0 passed, 1 failed, 0 skipped\n", k->why);
	else
		printf("# %s of '%s'\n", k->id, args->file);
	world_close(k);
	kit_free(k);
	return status;
}

static int usage(FILE *out, int status)
{
	fprintf(out,
		"usage: snapshotter-suite [OPTION ...] FILE.so [CASE ...]\n"
		"  --id ID        the snapshotter of that id; otherwise the first in the file\n"
		"  --config FILE  TOML with the plugin's table\n"
		"  --dir DIR      where throwaway directories are made (default /tmp)\n"
		"  --in-process   no process of its own for each case, for debuggers\n"
		"  --keep         leave the directories, and print their names\n"
		"  --verbose      show what the core logs\n");
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "id", required_argument, NULL, 'i' },  { "config", required_argument, NULL, 'c' },
		{ "dir", required_argument, NULL, 'd' }, { "in-process", no_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' },   { "help", no_argument, NULL, 'h' },
		{ "keep", no_argument, NULL, 'k' },      { NULL, 0, NULL, 0 },
	};
	struct kit_args args = { .dir = "/tmp" };
	enum log_level level = LOG_ERROR_;
	AUTO_FREE char *file = NULL;
	int c, status;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 'i':
			args.id = optarg;
			break;
		case 'c':
			args.tables = optarg;
			break;
		case 'd':
			args.dir = optarg;
			break;
		case 'p':
			args.in_process = 1;
			break;
		case 'k':
			args.keep = 1;
			break;
		case 'v':
			level = LOG_DEBUG_;
			break;
		default:
			return c == 'h' ? usage(stdout, 0) : usage(stderr, 2);
		}
	}
	if (optind == argc)
		return usage(stderr, 2);
	file = realpath(argv[optind], NULL);
	args.file = file ? file : argv[optind];
	log_init("snapshotter-suite", level, 0);
	status = enter_namespace();
	if (status == 0)
		status = probe(&args);
	return status ? status : run_all(&args, argv + optind + 1);
}
