/* SPDX-License-Identifier: Apache-2.0
 *
 * exec: a further process in a running container, by default in the foreground.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/rand.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/pbutil.h"
#include "cli/rootfs.h"
#include "cli/task.h"
#include "cli/term.h"
#include "cli/verbs.h"
#include "oci/spec.h"

#define FAILED   125
#define FILE_MAX (1024 * 1024)

struct execution {
	char id[17];
	char *process; /* JSON */
	int tty, input;
};

static ctr_code collect_env(struct cli *c, char ***ret, struct ctr_error *err)
{
	char *const *list = arg_list(&c->args, "env");
	char *const *files = arg_list(&c->args, "env-file");
	int bad = 0;

	for (size_t i = 0; files[i]; i++) {
		AUTO_FREE char *text = NULL;
		AUTO_STRV lines = NULL;
		int r = io_read_file(AT_FDCWD, files[i], FILE_MAX, &text, NULL);

		if (r < 0)
			return ctr_fail_errno(err, r, "read '%s'", files[i]);
		lines = strv_split(text, '\n');
		for (size_t k = 0; lines && lines[k]; k++) {
			if (lines[k][0] && lines[k][0] != '#')
				bad |= strv_push(ret, lines[k]);
		}
	}
	for (size_t i = 0; list[i]; i++) {
		const char *own = strchr(list[i], '=') ? NULL : cli_env(c, list[i]);
		AUTO_FREE char *full = own ? str_printf("%s=%s", list[i], own) : str_dup(list[i]);

		bad |= full ? strv_push(ret, full) : -ENOMEM;
	}
	return bad ? ctr_fail_errno(err, ENOMEM, "environment") : CTR_OK;
}

/* A user by name needs the container's files: those of its first process. */
static ctr_code find_user(struct cli *c, const char *id, const char *user, struct oci_user *ret,
			  struct ctr_error *err)
{
	AUTO_PB TASKS(GetResponse) *state = NULL;
	ctr_code code;

	if (oci_user_trivial(user, NULL, ret))
		return CTR_OK;
	code = task_get(c, id, NULL, &state, err);
	return code == CTR_OK ? process_user(state->process->pid, user, NULL, ret, err) : code;
}

static ctr_code build(struct cli *c, const CONTAINERS(Container) *k, struct execution *x,
		      struct ctr_error *err)
{
	const char *user = arg_text(&c->args, "user");
	struct oci_user resolved = { 0 };
	struct oci_exec e = {
		.args = c->args.rest + 1,
		.cwd = arg_text(&c->args, "workdir"),
		.terminal = x->tty,
		.privileged = arg_on(&c->args, "privileged"),
	};
	AUTO_STRV env = NULL;
	AUTO_FREE char *spec = NULL;
	struct oci_host host;
	ctr_code code;

	if (!k->spec)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "the container has no spec");
	spec = str_ndup((const char *)k->spec->value.data, k->spec->value.len);
	if (!spec)
		return ctr_fail_errno(err, ENOMEM, "spec");
	if (x->tty && strv_push(&env, "TERM=xterm") < 0)
		return ctr_fail_errno(err, ENOMEM, "environment");
	code = collect_env(c, &env, err);
	if (code == CTR_OK && user)
		code = find_user(c, k->id, user, &resolved, err);
	if (code != CTR_OK)
		return code;
	e.env_adds = env;
	e.user = user ? &resolved : NULL;
	if (x->tty)
		(void)term_size(STDOUT_FILENO, &e.console_width, &e.console_height);
	oci_host_probe(&host);
	code = oci_exec_build(spec, &e, &host, &x->process, err);
	oci_user_done(&resolved);
	return code;
}

static ctr_code create(struct cli *c, const char *id, const struct execution *x,
		       const struct task_io *io, struct ctr_error *err)
{
	TASKS(ExecProcessRequest) req = TASKS_INIT(EXEC_PROCESS_REQUEST);
	Google__Protobuf__Any spec = GOOGLE__PROTOBUF__ANY__INIT;

	spec.type_url = pb_str(OCI_PROCESS_TYPE_URL);
	spec.value.data = (uint8_t *)x->process;
	spec.value.len = strlen(x->process);
	req.container_id = pb_str(id);
	req.exec_id = pb_str(x->id);
	req.stdin = pb_str(io->in);
	req.stdout = pb_str(io->out);
	req.stderr = pb_str(io->err);
	req.terminal = io->terminal;
	req.spec = &spec;
	return cli_call(c, TASKS_SERVICE, "Exec", &req, NULL, err);
}

static ctr_code detached(struct cli *c, const char *id, const struct execution *x,
			 struct ctr_error *err)
{
	const struct task_io io = { "", "", "", x->tty };
	AUTO_ERROR ignored = ERROR_INIT;
	ctr_code code = create(c, id, x, &io, err);

	if (code != CTR_OK)
		return code;
	code = task_start(c, id, x->id, err);
	if (code != CTR_OK)
		(void)task_delete(c, id, x->id, NULL, &ignored);
	return code;
}

static ctr_code stay(struct cli *c, const char *id, const struct execution *x, struct session *s,
		     struct ctr_error *err)
{
	AUTO_PENDING waiting = NULL;
	AUTO_ERROR ignored = ERROR_INIT;
	unsigned status = 0;
	int left = 0;
	ctr_code code = task_wait_begin(c, id, x->id, &waiting, err);

	if (code == CTR_OK)
		code = task_start(c, id, x->id, err);
	if (code == CTR_OK)
		code = session_begin(s, err);
	if (code == CTR_OK)
		code = session_wait(s, take_ptr(&waiting), &status, &left, err);
	if (!left)
		(void)task_delete(c, id, x->id, NULL, &ignored);
	if (code != CTR_OK)
		return code;
	if (!left)
		session_drain(s);
	c->exit_code = (int)status & 0xff;
	return CTR_OK;
}

static ctr_code foreground(struct cli *c, const char *id, const struct execution *x,
			   struct ctr_error *err)
{
	const struct session_options so = {
		.id = id,
		.exec_id = x->id,
		.tty = x->tty,
		.input = x->input,
		.forward_signals = !x->tty,
	};
	AUTO_SESSION s = NULL;
	ctr_code code = session_open(c, &so, &s, err);

	if (code == CTR_OK) {
		const struct task_io io = { session_stdin(s), session_stdout(s), session_stderr(s),
					    x->tty };

		code = create(c, id, x, &io, err);
	}
	if (code == CTR_OK)
		code = stay(c, id, x, s, err);
	return code;
}

ctr_code verb_exec(struct cli *c, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(Container) *k = NULL;
	struct execution x = {
		.tty = arg_on(&c->args, "tty"),
		.input = arg_on(&c->args, "interactive"),
	};
	ctr_code code;

	c->subject = c->args.rest[0];
	c->exit_code = FAILED;
	rand_hex(x.id, 16);
	code = container_find(c, c->args.rest[0], &k, err);
	if (code == CTR_OK)
		code = build(c, k, &x, err);
	if (code == CTR_OK) {
		c->exit_code = 0;
		code = arg_on(&c->args, "detach") ? detached(c, k->id, &x, err)
						  : foreground(c, k->id, &x, err);
		if (code != CTR_OK)
			c->exit_code = start_failure_code(err);
	}
	free(x.process);
	return code;
}
