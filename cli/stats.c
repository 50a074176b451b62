/* SPDX-License-Identifier: Apache-2.0
 *
 * stats: what containers use, from the task service's metrics (cgroup v1 and v2). CPU is the use
 * between two readings.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "io/containerd/cgroups/v1/metrics.pb-c.h"
#include "io/containerd/cgroups/v2/metrics.pb-c.h"
#include "oci/json.h"

#define UNLIMITED (UINT64_C(1) << 60)

struct usage {
	uint64_t cpu_ns, memory, limit, pids, read_bytes, write_bytes;
};

struct sample {
	TASKS(MetricsResponse) *resp;
	int64_t at_ns;
};

static void from_v1(const Io__Containerd__Cgroups__V1__Metrics *m, struct usage *u)
{
	if (m->cpu && m->cpu->usage)
		u->cpu_ns = m->cpu->usage->total;
	if (m->memory && m->memory->usage) {
		uint64_t cache = m->memory->total_inactive_file;

		u->memory = m->memory->usage->usage > cache ? m->memory->usage->usage - cache : 0;
		u->limit = m->memory->usage->limit;
	}
	if (m->pids)
		u->pids = m->pids->current;
	for (size_t i = 0; m->blkio && i < m->blkio->n_io_service_bytes_recursive; i++) {
		const Io__Containerd__Cgroups__V1__BlkIOEntry *e =
			m->blkio->io_service_bytes_recursive[i];

		if (strcasecmp(e->op, "read") == 0)
			u->read_bytes += e->value;
		else if (strcasecmp(e->op, "write") == 0)
			u->write_bytes += e->value;
	}
}

static void from_v2(const Io__Containerd__Cgroups__V2__Metrics *m, struct usage *u)
{
	if (m->cpu)
		u->cpu_ns = m->cpu->usage_usec * 1000;
	if (m->memory) {
		u->memory = m->memory->usage > m->memory->inactive_file
				    ? m->memory->usage - m->memory->inactive_file
				    : 0;
		u->limit = m->memory->usage_limit;
	}
	if (m->pids)
		u->pids = m->pids->current;
	for (size_t i = 0; m->io && i < m->io->n_usage; i++) {
		u->read_bytes += m->io->usage[i]->rbytes;
		u->write_bytes += m->io->usage[i]->wbytes;
	}
}

static int decode(const Google__Protobuf__Any *any, struct usage *u)
{
	Io__Containerd__Cgroups__V1__Metrics *v1 =
		pb_any_unpack(any, &io__containerd__cgroups__v1__metrics__descriptor, PB_MAX);
	Io__Containerd__Cgroups__V2__Metrics *v2 =
		pb_any_unpack(any, &io__containerd__cgroups__v2__metrics__descriptor, PB_MAX);
	int known = v1 || v2;

	if (v1)
		from_v1(v1, u);
	if (v2)
		from_v2(v2, u);
	pb_free(v1);
	pb_free(v2);
	return known;
}

static ctr_code take(struct cli *c, char **filters, size_t n, struct sample *s,
		     struct ctr_error *err)
{
	TASKS(MetricsRequest) req = TASKS_INIT(METRICS_REQUEST);

	req.filters = filters;
	req.n_filters = n;
	s->at_ns = clock_now_ns();
	return cli_call(c, TASKS_SERVICE, "Metrics", &req, &s->resp, err);
}

static const TYPES(Metric) *find(const struct sample *s, const char *id)
{
	for (size_t i = 0; s->resp && i < s->resp->n_metrics; i++) {
		if (str_eq(s->resp->metrics[i]->id, id))
			return s->resp->metrics[i];
	}
	return NULL;
}

static json_t *two_sizes(uint64_t a, uint64_t b)
{
	char x[16], y[16];

	human_size_text(a, x);
	human_size_text(b, y);
	return json_sprintf("%s / %s", x, b >= UNLIMITED ? "no limit" : y);
}

static json_t *row(const struct sample *before, const struct sample *now, const TYPES(Metric) *m)
{
	const TYPES(Metric) *old = find(before, m->id);
	struct usage u = { 0 }, was = { 0 };
	int64_t span = now->at_ns - before->at_ns;
	double cpu = 0;
	char id[80];
	json_t *o = json_object();
	int bad, known = decode(m->data, &u);

	if (old && span > 0 && decode(old->data, &was) && u.cpu_ns > was.cpu_ns)
		cpu = (double)(u.cpu_ns - was.cpu_ns) * 100 / (double)span;
	short_id(m->id, id);
	bad = json_put_str(o, "ID", id);
	bad |= json_put(o, "CPU", json_sprintf("%.2f%%", cpu));
	bad |= json_put(o, "Memory",
			known ? two_sizes(u.memory, u.limit ? u.limit : UINT64_MAX)
			      : json_string("unknown"));
	bad |= json_put(o, "MemoryPercent",
			u.limit && u.limit < UNLIMITED
				? json_sprintf("%.2f%%", (double)u.memory * 100 / (double)u.limit)
				: json_string("--"));
	bad |= json_put(o, "BlockIO", two_sizes(u.read_bytes, u.write_bytes));
	bad |= json_put_int(o, "PIDs", (int64_t)u.pids);
	bad |= json_put_int(o, "MemoryBytes", (int64_t)u.memory);
	bad |= json_put_int(o, "CPUNanoseconds", (int64_t)u.cpu_ns);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static ctr_code print(struct cli *c, const struct sample *before, const struct sample *now,
		      struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "ID", "CONTAINER ID" },        { "CPU", "CPU %" },
		{ "Memory", "MEMORY / LIMIT" },  { "MemoryPercent", "MEM %" },
		{ "BlockIO", "BLOCK IN / OUT" }, { "PIDs", "PIDS" },
	};
	AUTO_JSON rows = json_array();

	for (size_t i = 0; i < now->resp->n_metrics; i++) {
		if (!now->resp->metrics[i]->data)
			continue;
		if (json_array_append_new(rows, row(before, now, now->resp->metrics[i])) != 0)
			return ctr_fail_errno(err, ENOMEM, "stats");
	}
	return out_rows(&c->args, columns, ARRAY_SIZE(columns), "ID", rows, err);
}

static void stop_loop(void *ud)
{
	loop_stop(ud);
}

static ctr_code pause_for(struct cli *c, int64_t ns, struct ctr_error *err)
{
	int64_t until = clock_now_ns() + ns;
	int r = loop_add_timer(c->loop, until, stop_loop, c->loop, &(struct loop_timer *){ NULL });

	while (r == 0 && clock_now_ns() < until)
		r = loop_run(c->loop);
	return r < 0 ? ctr_fail_errno(err, r, "timer") : CTR_OK;
}

static ctr_code watch(struct cli *c, char **filters, size_t n, struct ctr_error *err)
{
	const int terminal = isatty(STDOUT_FILENO);
	const int once = arg_on(&c->args, "no-stream") || arg_on(&c->args, "json");
	struct sample samples[2] = { 0 };
	ctr_code code = take(c, filters, n, &samples[0], err);

	for (int i = 1; code == CTR_OK; i = !i) {
		pb_free(samples[i].resp);
		samples[i].resp = NULL;
		code = pause_for(c, once ? NS_PER_SEC / 2 : NS_PER_SEC, err);
		if (code == CTR_OK)
			code = take(c, filters, n, &samples[i], err);
		if (code == CTR_OK && terminal && !once)
			(void)!write(STDOUT_FILENO, "\x1b[H\x1b[J", 6);
		if (code == CTR_OK)
			code = print(c, &samples[!i], &samples[i], err);
		if (once)
			break;
	}
	pb_free(samples[0].resp);
	pb_free(samples[1].resp);
	return code;
}

ctr_code verb_stats(struct cli *c, struct ctr_error *err)
{
	AUTO_STRV filters = NULL;
	ctr_code code = CTR_OK;

	for (size_t i = 0; code == CTR_OK && i < c->args.n_rest; i++) {
		AUTO_FREE char *id = NULL;
		AUTO_FREE char *filter = NULL;

		c->subject = c->args.rest[i];
		code = container_id(c, c->args.rest[i], &id, err);
		filter = id ? str_printf("id==%s", id) : NULL;
		if (code == CTR_OK && (!filter || strv_push(&filters, filter) < 0))
			code = ctr_fail_errno(err, ENOMEM, "stats");
	}
	c->subject = NULL;
	return code == CTR_OK ? watch(c, filters, strv_len(filters), err) : code;
}
