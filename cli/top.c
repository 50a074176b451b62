/* SPDX-License-Identifier: Apache-2.0
 *
 * top: the processes of a container, by the pids of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/json.h"

#define STAT_MAX 65536

struct proc {
	uint64_t ppid, ticks, rss_pages;
	char state;
	unsigned uid;
	char *command;
};

/* The fields after the name, which may itself hold spaces and parentheses. */
static int parse_stat(const char *text, struct proc *p)
{
	const char *at = strrchr(text, ')');
	uint64_t utime, stime;
	char ppid[24], ut[24], st[24], rss[24];

	if (!at || sscanf(at + 1,
			  " %c %20s %*s %*s %*s %*s %*s %*s %*s %*s %*s %20s %20s %*s %*s %*s %*s "
			  "%*s %*s %*s %*s %20s",
			  &p->state, ppid, ut, st, rss) != 5)
		return -EINVAL;
	if (parse_u64(ppid, &p->ppid) < 0 || parse_u64(ut, &utime) < 0 ||
	    parse_u64(st, &stime) < 0 || parse_u64(rss, &p->rss_pages) < 0)
		return -EINVAL;
	p->ticks = utime + stime;
	return 0;
}

/* 0, or -errno when it has gone meanwhile. */
static int read_proc(unsigned pid, struct proc *p)
{
	AUTO_FREE char *dir = str_printf("/proc/%u", pid);
	AUTO_FREE char *stat_path = str_printf("/proc/%u/stat", pid);
	AUTO_FREE char *cmd_path = str_printf("/proc/%u/cmdline", pid);
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t n = 0;
	int r;

	if (!dir || !stat_path || !cmd_path)
		return -ENOMEM;
	if (stat(dir, &st) < 0)
		return -errno;
	p->uid = st.st_uid;
	r = io_read_file(AT_FDCWD, stat_path, STAT_MAX, &text, NULL);
	if (r < 0 || (r = parse_stat(text, p)) < 0)
		return r;
	/* longer command lines are shown as nothing rather than in part */
	if (io_read_file(AT_FDCWD, cmd_path, STAT_MAX, &p->command, &n) < 0)
		p->command = str_dup("");
	for (size_t i = 0; p->command && i + 1 < n; i++) {
		if (!p->command[i])
			p->command[i] = ' ';
	}
	return p->command ? 0 : -ENOMEM;
}

static json_t *row(unsigned pid, const struct proc *p)
{
	uint64_t seconds = p->ticks / (uint64_t)sysconf(_SC_CLK_TCK);
	char state[2] = { p->state, 0 };
	json_t *o = json_object();
	int bad = json_put_int(o, "PID", pid);

	bad |= json_put_int(o, "PPID", (int64_t)p->ppid);
	bad |= json_put_int(o, "UID", p->uid);
	bad |= json_put_str(o, "State", state);
	bad |= json_put(o, "Time",
			json_sprintf("%02llu:%02llu:%02llu", (unsigned long long)seconds / 3600,
				     (unsigned long long)seconds / 60 % 60,
				     (unsigned long long)seconds % 60));
	bad |= json_put(o, "Memory", human_size(p->rss_pages * (uint64_t)sysconf(_SC_PAGESIZE)));
	bad |= json_put_str(o, "Command",
			    str_is_utf8(p->command, strlen(p->command)) ? p->command : "?");
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

ctr_code verb_top(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "PID", "PID" },         { "PPID", "PPID" }, { "UID", "UID" },
		{ "State", "S" },         { "Time", "TIME" }, { "Memory", "MEMORY" },
		{ "Command", "COMMAND" },
	};
	TASKS(ListPidsRequest) req = TASKS_INIT(LIST_PIDS_REQUEST);
	AUTO_PB TASKS(ListPidsResponse) *resp = NULL;
	AUTO_FREE char *id = NULL;
	AUTO_JSON rows = json_array();
	ctr_code code;

	c->subject = c->args.rest[0];
	code = container_id(c, c->args.rest[0], &id, err);
	if (code != CTR_OK)
		return code;
	req.container_id = id;
	code = cli_call(c, TASKS_SERVICE, "ListPids", &req, &resp, err);
	if (code == CTR_NOT_FOUND)
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "it is not running");
	for (size_t i = 0; code == CTR_OK && i < resp->n_processes; i++) {
		struct proc p = { 0 };

		if (read_proc(resp->processes[i]->pid, &p) == 0 &&
		    json_array_append_new(rows, row(resp->processes[i]->pid, &p)) != 0)
			code = ctr_fail_errno(err, ENOMEM, "processes");
		free(p.command);
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "PID", rows, err)
			      : code;
}
