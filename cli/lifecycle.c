/* SPDX-License-Identifier: Apache-2.0
 *
 * stop, kill, rm, pause, unpause and wait: each for any number of containers.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/pbutil.h"
#include "cli/task.h"
#include "cli/verbs.h"
#include "oci/image_config.h"

#define STOP_SECONDS 10

static ctr_code say(const char *name, struct ctr_error *err)
{
	AUTO_BUF out = BUF_INIT(1024);

	buf_printf(&out, "%s\n", name);
	return out_flush(&out, err);
}

static ctr_code not_running(ctr_code code, const char *name, struct ctr_error *err)
{
	if (code != CTR_NOT_FOUND)
		return code;
	return ctr_fail(err, CTR_FAILED_PRECONDITION, "container '%s' is not running", name);
}

static void stop_loop(void *ud)
{
	loop_stop(ud);
}

/* Run the loop until the wait is over or the time is up; 1: over. */
static int wait_until(struct cli *c, struct rpc_pending *waiting, int64_t deadline_ns)
{
	struct loop_timer *timer = NULL;

	rpc_on_done(waiting, stop_loop, c->loop);
	if (loop_add_timer(c->loop, deadline_ns, stop_loop, c->loop, &timer) < 0)
		return 0;
	while (!rpc_is_done(waiting) && clock_now_ns() < deadline_ns) {
		if (loop_run(c->loop) < 0)
			break;
	}
	if (clock_now_ns() < deadline_ns)
		loop_del_timer(timer);
	return rpc_is_done(waiting);
}

/* The signal, the time to obey, then SIGKILL. */
static ctr_code end_task(struct cli *c, const char *id, int sig, int64_t seconds,
			 struct ctr_error *err)
{
	AUTO_PENDING waiting = NULL;
	ctr_code code = task_wait_begin(c, id, NULL, &waiting, err);

	if (code == CTR_OK)
		code = task_kill(c, id, NULL, sig, 0, err);
	if (code != CTR_OK)
		return code;
	if (seconds >= 0 && !wait_until(c, waiting, clock_now_ns() + seconds * NS_PER_SEC)) {
		code = task_kill(c, id, NULL, SIGKILL, 1, err);
		if (code != CTR_OK && code != CTR_NOT_FOUND)
			return code;
	}
	return rpc_finish(take_ptr(&waiting), NULL, err);
}

static int is_stopped(const TASKS(GetResponse) *state)
{
	return state->process->status == CONTAINERD__V1__TYPES__STATUS__STOPPED;
}

static ctr_code seconds_flag(const struct args *a, int64_t *ret, struct ctr_error *err)
{
	const char *text = arg_text(a, "time");

	*ret = STOP_SECONDS;
	if (text && (parse_i64(text, ret) < 0 || *ret < -1 || *ret > 86400))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "--time '%s' is not a number of seconds",
				text);
	return CTR_OK;
}

static ctr_code stop_one(struct cli *c, const char *name, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(Container) *k = NULL;
	AUTO_PB TASKS(GetResponse) *state = NULL;
	AUTO_ERROR why = ERROR_INIT;
	const char *asked = arg_text(&c->args, "signal");
	int64_t seconds;
	int sig;
	ctr_code code = seconds_flag(&c->args, &seconds, err);

	if (code == CTR_OK)
		code = container_find(c, name, &k, err);
	if (code != CTR_OK)
		return code;
	if (!asked)
		asked = container_label(k, LABEL_STOP_SIGNAL);
	sig = asked ? oci_signal_parse(asked) : SIGTERM;
	if (sig < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is no signal", asked);
	code = task_get(c, k->id, NULL, &state, &why);
	if (code == CTR_NOT_FOUND || (code == CTR_OK && is_stopped(state)))
		return say(name, err);
	if (code != CTR_OK)
		return ctr_move_error(err, &why);
	if (state->process->status == CONTAINERD__V1__TYPES__STATUS__PAUSED) {
		TASKS(ResumeTaskRequest) req = TASKS_INIT(RESUME_TASK_REQUEST);

		req.container_id = k->id;
		code = cli_call(c, TASKS_SERVICE, "Resume", &req, NULL, err);
	}
	if (code == CTR_OK)
		code = end_task(c, k->id, sig, seconds, &why);
	if (code != CTR_OK && code != CTR_NOT_FOUND)
		return ctr_move_error(err, &why);
	return say(name, err);
}

static ctr_code kill_one(struct cli *c, const char *name, struct ctr_error *err)
{
	AUTO_FREE char *id = NULL;
	const char *text = str_or(arg_text(&c->args, "signal"), "KILL");
	int sig = oci_signal_parse(text);
	ctr_code code;

	if (sig < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is no signal", text);
	code = container_id(c, name, &id, err);
	if (code == CTR_OK)
		code = not_running(task_kill(c, id, NULL, sig, 0, err), name, err);
	return code == CTR_OK ? say(name, err) : code;
}

static ctr_code rm_one(struct cli *c, const char *name, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(Container) *k = NULL;
	AUTO_PB TASKS(GetResponse) *state = NULL;
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = container_find(c, name, &k, err);

	if (code != CTR_OK)
		return code;
	code = task_get(c, k->id, NULL, &state, &why);
	if (code == CTR_OK && !is_stopped(state) && !arg_on(&c->args, "force"))
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"it is %s: stop it first, or use --force",
				task_state_text((int)state->process->status));
	if (code == CTR_OK)
		code = task_finish_off(c, k->id, &why);
	if (code != CTR_OK && code != CTR_NOT_FOUND)
		return ctr_move_error(err, &why);
	code = container_remove(c, k, err);
	return code == CTR_OK ? say(name, err) : code;
}

static ctr_code pause_one(struct cli *c, const char *name, struct ctr_error *err)
{
	TASKS(PauseTaskRequest) req = TASKS_INIT(PAUSE_TASK_REQUEST);
	AUTO_FREE char *id = NULL;
	ctr_code code = container_id(c, name, &id, err);

	if (code != CTR_OK)
		return code;
	req.container_id = id;
	code = not_running(cli_call(c, TASKS_SERVICE, "Pause", &req, NULL, err), name, err);
	return code == CTR_OK ? say(name, err) : code;
}

static ctr_code unpause_one(struct cli *c, const char *name, struct ctr_error *err)
{
	TASKS(ResumeTaskRequest) req = TASKS_INIT(RESUME_TASK_REQUEST);
	AUTO_FREE char *id = NULL;
	ctr_code code = container_id(c, name, &id, err);

	if (code != CTR_OK)
		return code;
	req.container_id = id;
	code = not_running(cli_call(c, TASKS_SERVICE, "Resume", &req, NULL, err), name, err);
	return code == CTR_OK ? say(name, err) : code;
}

static ctr_code wait_one(struct cli *c, const char *name, struct ctr_error *err)
{
	AUTO_PB TASKS(WaitResponse) *resp = NULL;
	AUTO_PENDING waiting = NULL;
	AUTO_FREE char *id = NULL;
	char number[16];
	ctr_code code = container_id(c, name, &id, err);

	if (code == CTR_OK)
		code = task_wait_begin(c, id, NULL, &waiting, err);
	if (code == CTR_OK)
		code = not_running(rpc_finish(take_ptr(&waiting), &resp, err), name, err);
	if (code != CTR_OK)
		return code;
	(void)snprintf(number, sizeof(number), "%u", resp->exit_status);
	return say(number, err);
}

ctr_code verb_stop(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, stop_one, err);
}

ctr_code verb_kill(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, kill_one, err);
}

ctr_code verb_rm(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, rm_one, err);
}

ctr_code verb_pause(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, pause_one, err);
}

ctr_code verb_unpause(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, unpause_one, err);
}

ctr_code verb_wait(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, wait_one, err);
}
