/* SPDX-License-Identifier: Apache-2.0
 *
 * What every verb needs: the environment, the connection, the client's own directories, error
 * lines.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "rpc/pb.h"

const char *cli_env(const struct cli *c, const char *name)
{
	size_t n = strlen(name);

	for (char *const *e = c->envp; *e; e++) {
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return (*e)[n + 1] ? *e + n + 1 : NULL;
	}
	return NULL;
}

ctr_code cli_rpc(struct cli *c, struct rpc **ret, struct ctr_error *err)
{
	ctr_code code;
	int r;

	if (!c->loop) {
		r = loop_new(&c->loop);
		if (r < 0)
			return ctr_fail_errno(err, r, "event loop");
	}
	if (!c->rpc) {
		code = rpc_open(c->loop, c->address, c->ns, &c->rpc, err);
		if (code != CTR_OK)
			return code;
	}
	*ret = c->rpc;
	return CTR_OK;
}

ctr_code cli_call(struct cli *c, const ProtobufCServiceDescriptor *service, const char *method,
		  const void *req, void *ret, struct ctr_error *err)
{
	struct rpc *rpc = NULL;
	ctr_code code = cli_rpc(c, &rpc, err);

	return code == CTR_OK ? rpc_call(rpc, service, method, req, ret, err) : code;
}

/* "<folder of the socket>/client": each daemon has its own, throwaway ones included. */
const char *cli_state_dir(struct cli *c)
{
	const char *slash = strrchr(c->address, '/');

	if (!c->state_dir)
		c->state_dir = str_printf("%.*s/client", (int)(slash ? slash - c->address : 0),
					  c->address);
	return c->state_dir;
}

const char *cli_log_root(struct cli *c)
{
	const char *set = cli_env(c, "CTR_LOG_ROOT");

	if (c->log_root)
		return c->log_root;
	if (set)
		c->log_root = str_dup(set);
	else if (str_starts(c->address, "/run/"))
		c->log_root = str_dup(DEFAULT_LOG_ROOT);
	else if (cli_state_dir(c))
		c->log_root = str_printf("%s/logs", c->state_dir);
	return c->log_root;
}

const char *cli_worker(struct cli *c)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (c->worker)
		return c->worker;
	if (n > 0) {
		self[n] = 0;
		slash = strrchr(self, '/');
		*slash = 0;
		c->worker = str_printf("%s/ctr-worker", self);
		if (c->worker && access(c->worker, X_OK) == 0)
			return c->worker;
		free(c->worker);
	}
	c->worker = str_dup(CTR_LIBEXECDIR "/ctr-worker");
	return c->worker;
}

void cli_note(const char *fmt, ...)
{
	va_list ap;

	fputs("ctrctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void cli_error(struct cli *c, const char *subject, const struct ctr_error *err)
{
	AUTO_BUF b = BUF_INIT(1 << 20);
	const char *path = c->path ? c->path : "ctrctl";
	const char *verb = c->args.verb ? c->args.verb->name : NULL;
	size_t at = strlen("ctrctl");

	buf_puts(&b, "ctrctl: ");
	if (verb && path[at])
		buf_printf(&b, "%s ", path + at + 1);
	if (verb)
		buf_puts(&b, verb);
	if (verb && subject)
		buf_printf(&b, " '%s'", subject);
	if (verb)
		buf_puts(&b, ": ");
	buf_puts(&b, error_text(err));
	fprintf(stderr, "%s\n", b.data ? b.data : "ctrctl: out of memory");
}

ctr_code cli_each(struct cli *c,
		  ctr_code (*fn)(struct cli *c, const char *name, struct ctr_error *err),
		  struct ctr_error *err)
{
	for (size_t i = 0; i < c->args.n_rest; i++) {
		ctr_code code = fn(c, c->args.rest[i], err);

		if (code == CTR_OK)
			continue;
		cli_error(c, c->args.rest[i], err);
		c->failed = 1;
		error_done(err);
		*err = (struct ctr_error)ERROR_INIT;
		/* the connection is gone: the rest would only repeat that */
		if (code == CTR_UNAVAILABLE)
			break;
	}
	return CTR_OK;
}
