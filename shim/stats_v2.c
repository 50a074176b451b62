/* SPDX-License-Identifier: Apache-2.0
 *
 * io.containerd.cgroups.v2.Metrics: the unified hierarchy. Pressure (PSI) is left out: clients
 * compute nothing from it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/containerd/cgroups/v2/metrics.pb-c.h"

#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/stats.h"

#define IO_ENTRIES 256

typedef Io__Containerd__Cgroups__V2__MemoryStat memory_stat;
typedef Io__Containerd__Cgroups__V2__CPUStat cpu_stat;
typedef Io__Containerd__Cgroups__V2__IOEntry io_entry;
typedef Io__Containerd__Cgroups__V2__MemoryEvents memory_events;

struct key {
	const char *name;
	size_t offset;
};

#define KEY(name, type, field)                                                                     \
	{                                                                                          \
		name, offsetof(type, field)                                                        \
	}
#define C(field)       KEY(#field, cpu_stat, field)
#define M(field)       KEY(#field, memory_stat, field)
#define N(name, field) KEY(name, memory_stat, field)
#define E(field)       KEY(#field, memory_events, field)

static const struct key cpu_keys[] = {
	C(usage_usec),   C(user_usec),      C(system_usec), C(nr_periods),
	C(nr_throttled), C(throttled_usec), C(nr_bursts),   C(burst_usec),
};

static const struct key memory_keys[] = {
	M(anon),
	M(file),
	M(kernel_stack),
	M(slab),
	M(sock),
	M(shmem),
	M(file_mapped),
	M(file_dirty),
	M(file_writeback),
	M(anon_thp),
	M(inactive_anon),
	M(active_anon),
	M(inactive_file),
	M(active_file),
	M(unevictable),
	M(slab_reclaimable),
	M(slab_unreclaimable),
	M(pgfault),
	M(pgmajfault),
	N("workingset_refault_file", workingset_refault),
	N("workingset_activate_file", workingset_activate),
	M(workingset_nodereclaim),
	M(pgrefill),
	M(pgscan),
	M(pgsteal),
	M(pgactivate),
	M(pgdeactivate),
	M(pglazyfree),
	M(pglazyfreed),
	M(thp_fault_alloc),
	M(thp_collapse_alloc),
};

static const struct key event_keys[] = { E(low), E(high),     E(max),
					 E(oom), E(oom_kill), E(oom_group_kill) };

static void read_keys(const char *text, const struct key *keys, size_t n, void *message)
{
	for (size_t i = 0; i < n; i++)
		*(uint64_t *)(void *)((char *)message + keys[i].offset) =
			cgroup_key(text, keys[i].name, 0);
}

struct all {
	Io__Containerd__Cgroups__V2__Metrics metrics;
	Io__Containerd__Cgroups__V2__PidsStat pids;
	cpu_stat cpu;
	memory_stat memory;
	memory_events events;
	Io__Containerd__Cgroups__V2__IOStat io;
};

static void read_memory(struct all *a, const char *dir)
{
	AUTO_FREE char *text = cgroup_read(dir, "memory.stat");
	AUTO_FREE char *events = cgroup_read(dir, "memory.events");

	if (!text)
		return;
	read_keys(text, memory_keys, ARRAY_SIZE(memory_keys), &a->memory);
	a->memory.usage = cgroup_read_u64(dir, "memory.current");
	a->memory.usage_limit = cgroup_read_u64(dir, "memory.max");
	a->memory.max_usage = cgroup_read_u64(dir, "memory.peak");
	a->memory.swap_usage = cgroup_read_u64(dir, "memory.swap.current");
	a->memory.swap_limit = cgroup_read_u64(dir, "memory.swap.max");
	a->memory.swap_max_usage = cgroup_read_u64(dir, "memory.swap.peak");
	a->metrics.memory = &a->memory;
	if (events) {
		read_keys(events, event_keys, ARRAY_SIZE(event_keys), &a->events);
		a->metrics.memory_events = &a->events;
	}
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ..." NULL when it is none or memory is out. */
static io_entry *parse_io(const char *line)
{
	const char *colon = line + strspn(line, "0123456789");
	io_entry *e;

	if (colon == line || *colon != ':')
		return NULL;
	e = malloc(sizeof(*e));
	if (!e)
		return NULL;
	io__containerd__cgroups__v2__ioentry__init(e);
	e->major = cgroup_number(line);
	e->minor = cgroup_number(colon + 1);
	e->rbytes = cgroup_pair(line, "rbytes");
	e->wbytes = cgroup_pair(line, "wbytes");
	e->rios = cgroup_pair(line, "rios");
	e->wios = cgroup_pair(line, "wios");
	return e;
}

static void read_io(struct all *a, const char *dir)
{
	AUTO_FREE char *text = cgroup_read(dir, "io.stat");
	io_entry **v = text ? calloc(IO_ENTRIES, sizeof(io_entry *)) : NULL;

	if (!v)
		return;
	a->io.usage = v;
	for (const char *line = text; *line && a->io.n_usage < IO_ENTRIES;) {
		io_entry *e = parse_io(line);

		if (e)
			v[a->io.n_usage++] = e;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	a->metrics.io = &a->io;
}

static void read_rest(struct all *a, const char *dir)
{
	AUTO_FREE char *cpu = cgroup_read(dir, "cpu.stat");
	AUTO_FREE char *pids = cgroup_read(dir, "pids.current");

	if (cpu) {
		read_keys(cpu, cpu_keys, ARRAY_SIZE(cpu_keys), &a->cpu);
		a->metrics.cpu = &a->cpu;
	}
	if (pids) {
		uint64_t limit = cgroup_read_u64(dir, "pids.max");

		a->pids.current = cgroup_number(pids);
		a->pids.limit = limit == UINT64_MAX ? 0 : limit;
		a->metrics.pids = &a->pids;
	}
}

int stats_v2(const char *dir, Google__Protobuf__Any *ret)
{
	struct all *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	io__containerd__cgroups__v2__metrics__init(&a->metrics);
	io__containerd__cgroups__v2__pids_stat__init(&a->pids);
	io__containerd__cgroups__v2__cpustat__init(&a->cpu);
	io__containerd__cgroups__v2__memory_stat__init(&a->memory);
	io__containerd__cgroups__v2__memory_events__init(&a->events);
	io__containerd__cgroups__v2__iostat__init(&a->io);
	read_rest(a, dir);
	read_memory(a, dir);
	read_io(a, dir);
	r = pb_any_pack(&a->metrics, STATS_MAX, ret);
	for (size_t i = 0; i < a->io.n_usage; i++)
		free(a->io.usage[i]);
	free(a->io.usage);
	free(a);
	return r;
}
