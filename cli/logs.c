/* SPDX-License-Identifier: Apache-2.0
 *
 * logs: the log of a container, written by the shim (or a plain file with a foreign one), read by
 * us.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/logfile.h"
#include "cli/pbutil.h"
#include "cli/task.h"
#include "cli/verbs.h"

struct follow {
	struct cli *c;
	struct log_reader *reader;
	int64_t since_ns, until_ns;
	int timestamps;
	struct rpc_pending *waiting; /* the end of the container, when it runs */
};

/* "2026-11-23T20:07:01Z", or "10m": that long ago. */
static ctr_code time_flag(const struct args *a, const char *flag, int64_t fallback, int64_t *ret,
			  struct ctr_error *err)
{
	const char *text = arg_text(a, flag);
	int64_t ago;

	*ret = fallback;
	if (!text || clock_parse_rfc3339(text, ret) == 0)
		return CTR_OK;
	if (parse_duration(text, &ago) < 0 || ago < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"--%s '%s' is neither a time nor a duration such as 10m", flag,
				text);
	*ret = clock_wall_ns() - ago;
	return CTR_OK;
}

static int put(const struct follow *f, const struct log_record *r)
{
	int to = r->is_stderr ? STDERR_FILENO : STDOUT_FILENO;
	int bad = 0;

	if (r->time[0] && (r->wall_ns < f->since_ns || r->wall_ns > f->until_ns))
		return 0;
	if (f->timestamps && r->time[0]) {
		bad = io_write_full(to, r->time, strlen(r->time));
		bad = bad < 0 ? bad : io_write_full(to, " ", 1);
	}
	return bad < 0 ? bad : io_write_full(to, r->text, r->n);
}

/* Everything that is there now. 0 or -errno. */
static int drain(const struct follow *f)
{
	struct log_record record;
	int got;

	while ((got = log_reader_next(f->reader, &record)) > 0) {
		got = put(f, &record);
		log_record_done(&record);
		if (got < 0)
			return got;
	}
	return got;
}

static void stop_loop(void *ud)
{
	loop_stop(ud);
}

static void on_change(void *ud, uint32_t events)
{
	struct follow *f = ud;
	char buf[4096];

	(void)events;
	while (read(log_reader_watch(f->reader), buf, sizeof(buf)) > 0)
		;
	loop_stop(f->c->loop);
}

/* Until the container ends, or for ever when it does not run. */
static ctr_code follow(struct follow *f, struct ctr_error *err)
{
	int fd = log_reader_watch(f->reader);
	struct loop_fd *watch = NULL;
	int over = 0, r = fd < 0 ? fd : loop_add_fd(f->c->loop, fd, POLLIN, on_change, f, &watch);

	if (f->waiting)
		rpc_on_done(f->waiting, stop_loop, f->c->loop);
	while (r == 0 && !over) {
		/* asked before the last look: what was written until the end is in the file then */
		over = f->waiting && rpc_is_done(f->waiting);
		r = drain(f);
		if (r == 0 && !over)
			r = loop_run(f->c->loop);
	}
	loop_del_fd(watch);
	return r < 0 && r != -EPIPE ? ctr_fail_errno(err, r, "log") : CTR_OK;
}

static ctr_code begin(struct follow *f, const CONTAINERS(Container) *k, struct ctr_error *err)
{
	const char *path = container_label(k, LABEL_LOG);
	const char *uri = container_label(k, LABEL_LOG_URI);
	const char *tail = arg_text(&f->c->args, "tail");
	uint64_t n = 0;
	ctr_code code;

	if (!path || !uri)
		return ctr_fail(
			err, CTR_NOT_FOUND,
			"it has no log: only containers started with -d, or by start, have one");
	code = time_flag(&f->c->args, "since", INT64_MIN, &f->since_ns, err);
	if (code == CTR_OK)
		code = time_flag(&f->c->args, "until", INT64_MAX, &f->until_ns, err);
	if (code == CTR_OK && tail && !str_eq(tail, "all") && parse_u64(tail, &n) < 0)
		code = ctr_fail(err, CTR_INVALID_ARGUMENT, "--tail '%s' is not a number of lines",
				tail);
	if (code == CTR_OK)
		code = log_reader_open(path, str_starts(uri, "ctrlog:"), &f->reader, err);
	if (code == CTR_OK && tail && !str_eq(tail, "all"))
		code = log_reader_tail(f->reader, n, err);
	return code;
}

ctr_code verb_logs(struct cli *c, struct ctr_error *err)
{
	struct follow f = { .c = c, .timestamps = arg_on(&c->args, "timestamps") };
	AUTO_PB CONTAINERS(Container) *k = NULL;
	AUTO_ERROR why = ERROR_INIT;
	AUTO_PB TASKS(GetResponse) *state = NULL;
	ctr_code code;
	int r;

	c->subject = c->args.rest[0];
	code = container_find(c, c->args.rest[0], &k, err);
	if (code == CTR_OK)
		code = begin(&f, k, err);
	if (code == CTR_OK && arg_on(&c->args, "follow")) {
		if (task_get(c, k->id, NULL, &state, &why) == CTR_OK)
			code = task_wait_begin(c, k->id, NULL, &f.waiting, err);
		if (code == CTR_OK)
			code = follow(&f, err);
		rpc_cancel(f.waiting);
	} else if (code == CTR_OK) {
		r = drain(&f);
		if (r < 0 && r != -EPIPE)
			code = ctr_fail_errno(err, r, "log");
	}
	log_reader_free(f.reader);
	return code;
}
