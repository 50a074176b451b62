/* SPDX-License-Identifier: Apache-2.0
 *
 * run, create and start. In the foreground the exit code of the container is ours; 125 is a failure
 * of ctrctl or the daemon, 126 a command that cannot be executed, 127 one that is not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/create.h"
#include "cli/files.h"
#include "cli/pbutil.h"
#include "cli/task.h"
#include "cli/verbs.h"
#include "oci/json.h"

#define FAILED 125

static ctr_code print_id(const char *id, struct ctr_error *err)
{
	AUTO_BUF out = BUF_INIT(256);

	buf_printf(&out, "%s\n", id);
	return out_flush(&out, err);
}

/* Said once a machine, not at every run. */
static void first_run_note(struct cli *c)
{
	AUTO_CLOSE int dir = cli_state_dir(c) ? path_own_dir(c->state_dir, 0700) : -1;
	AUTO_CLOSE int fd =
		dir < 0 ? -1
			: openat(dir, "net-noted", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0 && !arg_given(&c->args, "net") && !arg_given(&c->args, "network"))
		cli_note("containers have no network unless --net host is given (said once)");
}

static ctr_code create_task(struct cli *c, const struct made *m, const struct task_io *io,
			    struct ctr_error *err)
{
	return task_create(c, m->id, m->mounts->mounts, m->mounts->n_mounts, io, err);
}

static ctr_code run_detached(struct cli *c, const struct made *m, struct ctr_error *err)
{
	const struct task_io io = { "", m->log_uri, m->tty ? "" : m->log_uri, m->tty };
	AUTO_ERROR ignored = ERROR_INIT;
	ctr_code code = create_task(c, m, &io, err);

	if (code != CTR_OK)
		return code;
	code = task_start(c, m->id, NULL, err);
	if (code != CTR_OK)
		(void)task_finish_off(c, m->id, &ignored);
	return code == CTR_OK ? print_id(m->id, err) : code;
}

static ctr_code run_foreground(struct cli *c, const struct made *m, struct task_run *run,
			       struct ctr_error *err)
{
	const struct session_options so = {
		.id = m->id,
		.tty = m->tty,
		.input = m->input,
		.forward_signals = !m->tty,
	};
	AUTO_SESSION s = NULL;
	ctr_code code = session_open(c, &so, &s, err);

	if (code == CTR_OK) {
		const struct task_io io = { session_stdin(s), session_stdout(s), session_stderr(s),
					    m->tty };

		code = create_task(c, m, &io, err);
	}
	return code == CTR_OK ? task_foreground(c, s, m->id, arg_on(&c->args, "rm"), run, err)
			      : code;
}

ctr_code verb_run(struct cli *c, struct ctr_error *err)
{
	int detached = arg_on(&c->args, "detach");
	struct task_run run = { 0 };
	AUTO_MADE m = { 0 };
	ctr_code code;

	c->subject = c->args.rest[0];
	c->exit_code = FAILED;
	if (!detached && arg_on(&c->args, "tty") && arg_on(&c->args, "interactive") &&
	    !isatty(STDIN_FILENO))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"the input is not a terminal: leave -t out");
	code = container_make(c, detached, &m, err);
	if (code != CTR_OK)
		return code;
	first_run_note(c);
	code = detached ? run_detached(c, &m, err) : run_foreground(c, &m, &run, err);
	if (code != CTR_OK && run.started)
		return ctr_wrap(err, "container %.12s goes on without us", m.id);
	if (code != CTR_OK) {
		c->exit_code = start_failure_code(err);
		container_unmake(c, &m);
		return code;
	}
	c->exit_code = (int)run.exit_status & 0xff;
	if (arg_on(&c->args, "rm") && !run.detached)
		container_unmake(c, &m);
	return CTR_OK;
}

ctr_code verb_create(struct cli *c, struct ctr_error *err)
{
	AUTO_MADE m = { 0 };
	ctr_code code;

	c->subject = c->args.rest[0];
	if (arg_on(&c->args, "rm"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "--rm goes with run alone");
	code = container_make(c, 1, &m, err);
	return code == CTR_OK ? print_id(m.id, err) : code;
}

/* The files that the spec mounts may be gone with a reboot. */
static ctr_code restore_files(struct cli *c, const CONTAINERS(Container) *k, const json_t *spec,
			      struct ctr_error *err)
{
	const char *hostname = json_string_value(json_object_get(spec, "hostname"));
	const char *hosts = container_label(k, LABEL_HOSTS);
	AUTO_STRV extra = hosts ? strv_split(hosts, ' ') : NULL;
	AUTO_FILES files = { 0 };
	char title[80];

	if (!container_label(k, LABEL_LOG))
		return CTR_OK; /* another client's: it has no files of ours */
	short_id(k->id, title);
	return files_write(c, k->id, hostname ? hostname : title,
			   container_label(k, LABEL_NET) == NULL, extra, &files, err);
}

static ctr_code snapshot_mounts_of(struct cli *c, const CONTAINERS(Container) *k,
				   SNAPSHOTS(MountsResponse) **ret, struct ctr_error *err)
{
	SNAPSHOTS(MountsRequest) req = SNAPSHOTS_INIT(MOUNTS_REQUEST);

	req.snapshotter = k->snapshotter;
	req.key = k->snapshot_key;
	return cli_call(c, SNAPSHOTS_SERVICE, "Mounts", &req, ret, err);
}

/* A task that has ended is deleted to make room for the next; a live one is reported. */
static ctr_code make_room(struct cli *c, const char *id, int *ret_running, struct ctr_error *err)
{
	AUTO_PB TASKS(GetResponse) *state = NULL;
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = task_get(c, id, NULL, &state, &why);

	*ret_running = 0;
	if (code == CTR_NOT_FOUND)
		return CTR_OK;
	if (code != CTR_OK)
		return ctr_move_error(err, &why);
	if (state->process->status != CONTAINERD__V1__TYPES__STATUS__STOPPED) {
		*ret_running = 1;
		return CTR_OK;
	}
	code = task_delete(c, id, NULL, NULL, &why);
	return code == CTR_OK || code == CTR_NOT_FOUND ? CTR_OK : ctr_move_error(err, &why);
}

static ctr_code start_attached(struct cli *c, const CONTAINERS(Container) *k,
			       SNAPSHOTS(MountsResponse) *mounts, int tty, struct ctr_error *err)
{
	const struct session_options so = {
		.id = k->id,
		.tty = tty,
		.input = arg_on(&c->args, "interactive"),
		.forward_signals = !tty,
	};
	struct task_run run = { 0 };
	AUTO_SESSION s = NULL;
	ctr_code code = session_open(c, &so, &s, err);

	if (code == CTR_OK) {
		const struct task_io io = { session_stdin(s), session_stdout(s), session_stderr(s),
					    tty };

		code = task_create(c, k->id, mounts->mounts, mounts->n_mounts, &io, err);
	}
	if (code == CTR_OK)
		code = task_foreground(c, s, k->id, 0, &run, err);
	if (code == CTR_OK)
		c->exit_code = (int)run.exit_status & 0xff;
	return code;
}

static ctr_code start_detached(struct cli *c, const CONTAINERS(Container) *k,
			       SNAPSHOTS(MountsResponse) *mounts, int tty, struct ctr_error *err)
{
	const char *uri = str_or(container_label(k, LABEL_LOG_URI), "");
	const struct task_io io = { "", uri, tty ? "" : uri, tty };
	AUTO_ERROR ignored = ERROR_INIT;
	ctr_code code = task_create(c, k->id, mounts->mounts, mounts->n_mounts, &io, err);

	if (code != CTR_OK)
		return code;
	code = task_start(c, k->id, NULL, err);
	if (code != CTR_OK)
		(void)task_finish_off(c, k->id, &ignored);
	return code;
}

static ctr_code start_one(struct cli *c, const char *name, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(Container) *k = NULL;
	AUTO_PB SNAPSHOTS(MountsResponse) *mounts = NULL;
	AUTO_JSON spec = NULL;
	int running, tty;
	ctr_code code = container_find(c, name, &k, err);

	if (code == CTR_OK)
		code = container_spec(k, &spec, err);
	if (code == CTR_OK)
		code = make_room(c, k->id, &running, err);
	if (code != CTR_OK)
		return code;
	if (running)
		return arg_on(&c->args, "attach") ? ctr_fail(err, CTR_FAILED_PRECONDITION,
							     "it runs already: attach to it")
						  : print_id(name, err);
	code = restore_files(c, k, spec, err);
	if (code == CTR_OK)
		code = snapshot_mounts_of(c, k, &mounts, err);
	if (code != CTR_OK)
		return code;
	tty = json_is_true(json_object_get(json_object_get(spec, "process"), "terminal"));
	if (arg_on(&c->args, "attach") || arg_on(&c->args, "interactive"))
		return start_attached(c, k, mounts, tty, err);
	code = start_detached(c, k, mounts, tty, err);
	return code == CTR_OK ? print_id(name, err) : code;
}

ctr_code verb_start(struct cli *c, struct ctr_error *err)
{
	if ((arg_on(&c->args, "attach") || arg_on(&c->args, "interactive")) && c->args.n_rest > 1)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "only one container can be attached to");
	return cli_each(c, start_one, err);
}
