/* SPDX-License-Identifier: Apache-2.0
 *
 * Cgroup files: places, forms, and the two metrics messages made of them.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/containerd/cgroups/v1/metrics.pb-c.h"
#include "io/containerd/cgroups/v2/metrics.pb-c.h"

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/cgroup.h"
#include "shim/logfile.h"
#include "shim/oom.h"
#include "shim/stats.h"
#include "tree.h"

static const char hybrid[] =
	"9:name=systemd:/d/a\n4:memory:/d/a\n3:cpu,cpuacct:/d/a\n2:pids:/d/a\n0::/u/a\n";

static char dir[] = "/tmp/ctr-cgroup-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ctr-cgroup-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return tree_remove(dir);
}

static void put(const char *sub, const char *name, const char *text)
{
	AUTO_FREE char *path = str_printf("%s/%s/%s", dir, sub, name);
	AUTO_CLOSE int fd = -1;

	assert_int_equal(make_parent_dirs(path), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

static void finds_directories(void **state)
{
	static const struct {
		const char *controller, *dir;
	} cases[] = {
		{ "memory", "/r/memory/d/a" },
		{ "cpuacct", "/r/cpuacct/d/a" },
		{ "cpu", "/r/cpu/d/a" },
		{ NULL, "/r/u/a" },
		{ "blkio", NULL },
		{ "cpua", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *got = cgroup_dir_from(hybrid, "/r", cases[i].controller);

		if (cases[i].dir)
			assert_string_equal(got, cases[i].dir);
		else
			assert_null(got);
	}
	assert_null(cgroup_dir_from("", "/r", NULL));
	assert_null(cgroup_dir_from("nonsense\n:\n::", "/r", NULL));
}

static void reads_numbers(void **state)
{
	(void)state;
	assert_int_equal(cgroup_key("cache 12\nrss 34\n", "rss", 9), 34);
	assert_int_equal(cgroup_key("total_rss 1\n", "rss", 9), 9);
	assert_int_equal(cgroup_pair("8:0 rbytes=1 wbytes=22\n8:1 wbytes=3", "wbytes"), 22);
	assert_int_equal(cgroup_pair("8:0 rbytes=1", "rios"), 0);
	assert_true(cgroup_number("max\n") == UINT64_MAX);
	assert_true(cgroup_number("99999999999999999999999") == UINT64_MAX);
	assert_int_equal(cgroup_number("x"), 0);
}

static void makes_v1_metrics(void **state)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Io__Containerd__Cgroups__V1__Metrics *m;

	(void)state;
	put("memory/d/a", "memory.stat",
	    "cache 10\nrss 20\npgpgin 3\ntotal_rss 21\nhierarchical_memory_limit 99\n");
	put("memory/d/a", "memory.usage_in_bytes", "4096\n");
	put("memory/d/a", "memory.limit_in_bytes", "8192\n");
	put("memory/d/a", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	put("cpuacct/d/a", "cpuacct.usage", "1000\n");
	put("cpuacct/d/a", "cpuacct.usage_percpu", "400 600 \n");
	put("cpuacct/d/a", "cpuacct.stat", "user 1\nsystem 2\n");
	put("cpu/d/a", "cpu.stat", "nr_periods 5\nnr_throttled 6\nthrottled_time 7\n");
	put("pids/d/a", "pids.current", "3\n");
	put("pids/d/a", "pids.max", "max\n");
	assert_int_equal(stats_v1(hybrid, dir, &any), 0);
	assert_string_equal(any.type_url, "io.containerd.cgroups.v1.Metrics");
	m = pb_any_unpack(&any, &io__containerd__cgroups__v1__metrics__descriptor, STATS_MAX);
	assert_non_null(m);
	assert_int_equal(m->memory->rss, 20);
	assert_int_equal(m->memory->pg_pg_in, 3);
	assert_int_equal(m->memory->total_rss, 21);
	assert_int_equal(m->memory->hierarchical_memory_limit, 99);
	assert_int_equal(m->memory->usage->usage, 4096);
	assert_int_equal(m->memory->usage->limit, 8192);
	assert_int_equal(m->memory_oom_control->oom_kill, 2);
	assert_int_equal(m->cpu->usage->total, 1000);
	assert_int_equal(m->cpu->usage->n_per_cpu, 2);
	assert_int_equal(m->cpu->usage->per_cpu[1], 600);
	assert_int_equal(m->cpu->usage->kernel, 20000000);
	assert_int_equal(m->cpu->throttling->throttled_time, 7);
	assert_int_equal(m->pids->current, 3);
	assert_int_equal(m->pids->limit, 0);
	assert_null(m->blkio);
	pb_free(m);
	pb_any_done(&any);
}

static void makes_v1_block_io(void **state)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Io__Containerd__Cgroups__V1__Metrics *m;

	(void)state;
	put("blkio/b", "blkio.throttle.io_service_bytes_recursive",
	    "8:16 Read 100\n8:16 Write 200\n8:16 7\nTotal 300\n");
	assert_int_equal(stats_v1("5:blkio:/b\n", dir, &any), 0);
	m = pb_any_unpack(&any, &io__containerd__cgroups__v1__metrics__descriptor, STATS_MAX);
	assert_int_equal(m->blkio->n_io_service_bytes_recursive, 3);
	assert_string_equal(m->blkio->io_service_bytes_recursive[1]->op, "Write");
	assert_int_equal(m->blkio->io_service_bytes_recursive[1]->major, 8);
	assert_int_equal(m->blkio->io_service_bytes_recursive[1]->minor, 16);
	assert_int_equal(m->blkio->io_service_bytes_recursive[1]->value, 200);
	pb_free(m);
	pb_any_done(&any);
}

static void makes_v2_metrics(void **state)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	AUTO_FREE char *cg = str_printf("%s/v2", dir);
	Io__Containerd__Cgroups__V2__Metrics *m;

	(void)state;
	put("v2", "cpu.stat", "usage_usec 10\nuser_usec 6\nsystem_usec 4\n");
	put("v2", "memory.stat", "anon 1\nfile 2\nfile_mapped 3\n");
	put("v2", "memory.current", "50\n");
	put("v2", "memory.max", "max\n");
	put("v2", "memory.events", "low 0\noom 1\noom_kill 2\n");
	put("v2", "pids.current", "4\n");
	put("v2", "pids.max", "100\n");
	put("v2", "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\nbad\n");
	assert_int_equal(stats_v2(cg, &any), 0);
	assert_string_equal(any.type_url, "io.containerd.cgroups.v2.Metrics");
	m = pb_any_unpack(&any, &io__containerd__cgroups__v2__metrics__descriptor, STATS_MAX);
	assert_int_equal(m->cpu->usage_usec, 10);
	assert_int_equal(m->memory->file_mapped, 3);
	assert_int_equal(m->memory->usage, 50);
	assert_true(m->memory->usage_limit == UINT64_MAX);
	assert_int_equal(m->memory_events->oom_kill, 2);
	assert_int_equal(m->pids->limit, 100);
	assert_int_equal(m->io->n_usage, 1);
	assert_int_equal(m->io->usage[0]->wios, 4);
	pb_free(m);
	pb_any_done(&any);
}

static void count(void *ud)
{
	++*(int *)ud;
}

/* Given a kill that the kernel has not told of, when somebody looks, then it is told, once. */
static void kills_are_told_when_looked_for(void **state)
{
	AUTO_FREE char *text = NULL;
	struct loop *loop = NULL;
	struct oom *o = NULL;
	int told = 0;

	(void)state;
	put("box", "cgroup.procs", "");
	put("box", "memory.events", "oom 0\noom_kill 0\n");
	text = str_printf("0::/../../..%s/box\n", dir); /* out of /sys/fs/cgroup */
	const struct cgroup cg = { .v2 = 1, .text = text };
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(oom_watch(loop, &cg, count, &told, &o), 0);
	oom_look(o);
	assert_int_equal(told, 0);
	put("box", "memory.events", "oom 1\noom_kill 1\n");
	oom_look(o);
	oom_look(o);
	assert_int_equal(told, 1);
	oom_look(NULL);
	oom_free(o);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_directories),
		cmocka_unit_test(reads_numbers),
		cmocka_unit_test_setup_teardown(makes_v1_metrics, set_up, tear_down),
		cmocka_unit_test_setup_teardown(makes_v1_block_io, set_up, tear_down),
		cmocka_unit_test_setup_teardown(makes_v2_metrics, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kills_are_told_when_looked_for, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
