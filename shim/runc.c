/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime is found once per container, in a fixed list of directories: nobody's PATH decides
 * what runs as root. Its log is a file in the bundle, read only when it failed and removed
 * afterwards.
 */
#include "shim/runc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/spawn.h"
#include "base/str.h"
#include "shim/kids.h"
#include "shim/oomscore.h"
#include "shim/runclog.h"

#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

char *const runc_env[] = { (char *)(uintptr_t) "PATH=" SEARCH_PATH, NULL };

struct job {
	struct kid kid;
	char *what;
	const struct runc *runc;
	int bundle_fd;
	char *log_name;
	job_fn fn;
	void *ud;
};

static int is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *runc_find(const char *name)
{
	AUTO_STRV dirs = strv_split(SEARCH_PATH, ':');

	if (name[0] == '/')
		return is_program(name) ? str_dup(name) : NULL;
	if (!dirs || strchr(name, '/'))
		return NULL;
	for (char **d = dirs; *d; d++) {
		AUTO_FREE char *path = str_printf("%s/%s", *d, name);

		if (path && is_program(path))
			return take_ptr(&path);
	}
	return NULL;
}

ctr_code runc_init(struct runc *r, const char *name, const char *root, const char *ns,
		   int systemd_cgroup, struct ctr_error *err)
{
	const char *program = str_or(name, RUNC_DEFAULT);

	r->path = runc_find(program);
	if (!r->path)
		return ctr_fail(err, CTR_UNKNOWN,
				"OCI runtime create failed: exec: \"%s\": executable file not "
				"found in '%s'",
				program, SEARCH_PATH);
	r->root = str_printf("%s/%s", str_or(root, RUNC_DEFAULT_ROOT), ns);
	r->systemd_cgroup = systemd_cgroup;
	if (!r->root) {
		runc_done(r);
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	return CTR_OK;
}

void runc_done(struct runc *r)
{
	free(r->path);
	free(r->root);
	r->path = r->root = NULL;
}

char **runc_argv(const struct runc *r, const char *log_name, const char *const *args)
{
	const char *const head[] = { r->path,  "--root",
				     r->root,  "--log",
				     log_name, "--log-format",
				     "json",   r->systemd_cgroup ? "--systemd-cgroup" : NULL,
				     NULL };
	AUTO_STRV argv = NULL;

	for (const char *const *p = head; *p; p++)
		if (strv_push(&argv, *p) < 0)
			return NULL;
	for (; *args; args++)
		if (strv_push(&argv, *args) < 0)
			return NULL;
	return take_ptr(&argv);
}

int runc_says_missing(const char *message)
{
	return strstr(message, "does not exist") != NULL ||
	       strstr(message, "No such file or directory") != NULL;
}

static void job_free(struct job *j)
{
	free(j->what);
	free(j->log_name);
	free(j);
}

static ctr_code job_result(const struct job *j, const siginfo_t *info, struct ctr_error *err)
{
	AUTO_FREE char *path = str_printf("/proc/self/fd/%d/%s", j->bundle_fd, j->log_name);
	AUTO_FREE char *message = NULL;

	if (info->si_code == CLD_EXITED && info->si_status == 0)
		return CTR_OK;
	message = path ? runc_log_file_message(path) : NULL;
	if (message)
		return ctr_fail(err, CTR_UNKNOWN, "OCI runtime %s failed: %s", j->what, message);
	return ctr_fail(err, CTR_UNKNOWN,
			"OCI runtime %s failed: '%s' ended with %s %d and no message", j->what,
			j->runc->path, info->si_code == CLD_EXITED ? "status" : "signal",
			info->si_status);
}

static void job_ended(void *ud, const siginfo_t *info)
{
	struct job *j = ud;
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code = job_result(j, info, &err);
	job_fn fn = j->fn;
	void *fn_ud = j->ud;

	(void)unlinkat(j->bundle_fd, j->log_name, 0);
	list_del(&j->kid.node);
	job_free(j);
	fn(fn_ud, code, &err);
}

/*
 * Our own score spares us, and children inherit it. The runtime starts with 0: crun 1.8 passes on
 * what it has when the spec says 0, and exec never sets any.
 */
static int spawn_unspared(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd)
{
	int score = 0;
	int lifted = oom_score_get(0, &score) == 0 && score < 0 && oom_score_set(0, 0) == 0;
	int r = spawn_start(s, ret_pid, ret_pidfd);

	if (lifted)
		(void)oom_score_set(0, score);
	return r;
}

static int spawn_job(struct loop *loop, const struct job_spec *spec, struct job *j)
{
	AUTO_STRV argv = runc_argv(spec->runc, spec->log_name, spec->args);
	struct spawn s = SPAWN_INIT;
	struct spawn_fd fds[3];
	AUTO_CLOSE int pidfd = -1;
	pid_t pid;
	int r;

	if (!argv)
		return -ENOMEM;
	for (int i = 0; spec->fds && i < 3; i++)
		if (spec->fds[i] >= 0)
			fds[s.n_fds++] = (struct spawn_fd){ spec->fds[i], i };
	s.path = spec->runc->path;
	s.argv = argv;
	s.envp = runc_env;
	s.cwd_fd = spec->bundle_fd;
	s.fds = fds;
	r = spawn_unspared(&s, &pid, &pidfd);
	if (r < 0)
		return r;
	r = loop_add_child(loop, pidfd, job_ended, j, NULL);
	if (r < 0)
		return r; /* the orphan reaper takes it */
	(void)take_fd(&pidfd);
	j->kid.pid = pid;
	list_add(spec->kids, &j->kid.node);
	return 0;
}

ctr_code job_start(struct loop *loop, const struct job_spec *spec, job_fn fn, void *ud,
		   struct ctr_error *err)
{
	struct job *j = calloc(1, sizeof(*j));
	int r = -ENOMEM;

	if (j) {
		j->runc = spec->runc;
		j->bundle_fd = spec->bundle_fd;
		j->what = str_dup(spec->what);
		j->log_name = str_dup(spec->log_name);
		j->fn = fn;
		j->ud = ud;
		(void)unlinkat(spec->bundle_fd, spec->log_name, 0);
		if (j->what && j->log_name)
			r = spawn_job(loop, spec, j);
	}
	if (r == 0)
		return CTR_OK;
	if (j)
		job_free(j);
	return ctr_fail_errno(err, r, "start '%s %s'", spec->runc->path, spec->what);
}
