/* SPDX-License-Identifier: Apache-2.0
 *
 * io.containerd.cgroups.v1.Metrics. A controller that the machine does not have is absent in the
 * answer; a file that an older or newer kernel does not have is zero.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/containerd/cgroups/v1/metrics.pb-c.h"

#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/stats.h"

#define BLKIO_ENTRIES 256
#define CPUS_MAX      4096
#define USER_HZ_NS    10000000 /* cpuacct.stat counts in USER_HZ, 100 on every architecture */

typedef Io__Containerd__Cgroups__V1__MemoryStat memory_stat;
typedef Io__Containerd__Cgroups__V1__MemoryEntry memory_entry;
typedef Io__Containerd__Cgroups__V1__BlkIOEntry blkio_entry;
typedef Io__Containerd__Cgroups__V1__BlkIOStat blkio_stat;

#define N(key, field)                                                                              \
	{                                                                                          \
		key, offsetof(memory_stat, field)                                                  \
	}
#define M(field) N(#field, field)

static const struct {
	const char *key;
	size_t offset;
} memory_keys[] = {
	M(cache),
	M(rss),
	M(rss_huge),
	M(mapped_file),
	M(dirty),
	M(writeback),
	N("pgpgin", pg_pg_in),
	N("pgpgout", pg_pg_out),
	N("pgfault", pg_fault),
	N("pgmajfault", pg_maj_fault),
	M(inactive_anon),
	M(active_anon),
	M(inactive_file),
	M(active_file),
	M(unevictable),
	M(hierarchical_memory_limit),
	N("hierarchical_memsw_limit", hierarchical_swap_limit),
	M(total_cache),
	M(total_rss),
	M(total_rss_huge),
	M(total_mapped_file),
	M(total_dirty),
	M(total_writeback),
	N("total_pgpgin", total_pg_pg_in),
	N("total_pgpgout", total_pg_pg_out),
	N("total_pgfault", total_pg_fault),
	N("total_pgmajfault", total_pg_maj_fault),
	M(total_inactive_anon),
	M(total_active_anon),
	M(total_inactive_file),
	M(total_active_file),
	M(total_unevictable),
};

static void read_entry(const char *dir, const char *prefix, memory_entry *e)
{
	static const struct {
		const char *name;
		size_t offset;
	} files[] = {
		{ "limit_in_bytes", offsetof(memory_entry, limit) },
		{ "usage_in_bytes", offsetof(memory_entry, usage) },
		{ "max_usage_in_bytes", offsetof(memory_entry, max) },
		{ "failcnt", offsetof(memory_entry, failcnt) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		AUTO_FREE char *file = str_printf("%s.%s", prefix, files[i].name);

		if (file)
			*(uint64_t *)(void *)((char *)e + files[i].offset) =
				cgroup_read_u64(dir, file);
	}
}

struct all {
	Io__Containerd__Cgroups__V1__Metrics metrics;
	Io__Containerd__Cgroups__V1__PidsStat pids;
	Io__Containerd__Cgroups__V1__CPUStat cpu;
	Io__Containerd__Cgroups__V1__CPUUsage usage;
	Io__Containerd__Cgroups__V1__Throttle throttle;
	memory_stat memory;
	memory_entry mem, swap, kernel, kernel_tcp;
	Io__Containerd__Cgroups__V1__MemoryOomControl oom;
	blkio_stat blkio;
};

static void init_all(struct all *a)
{
	io__containerd__cgroups__v1__metrics__init(&a->metrics);
	io__containerd__cgroups__v1__pids_stat__init(&a->pids);
	io__containerd__cgroups__v1__cpustat__init(&a->cpu);
	io__containerd__cgroups__v1__cpuusage__init(&a->usage);
	io__containerd__cgroups__v1__throttle__init(&a->throttle);
	io__containerd__cgroups__v1__memory_stat__init(&a->memory);
	io__containerd__cgroups__v1__memory_entry__init(&a->mem);
	io__containerd__cgroups__v1__memory_entry__init(&a->swap);
	io__containerd__cgroups__v1__memory_entry__init(&a->kernel);
	io__containerd__cgroups__v1__memory_entry__init(&a->kernel_tcp);
	io__containerd__cgroups__v1__memory_oom_control__init(&a->oom);
	io__containerd__cgroups__v1__blk_iostat__init(&a->blkio);
}

static void read_memory(struct all *a, const char *dir)
{
	AUTO_FREE char *text = cgroup_read(dir, "memory.stat");
	AUTO_FREE char *oom = cgroup_read(dir, "memory.oom_control");

	for (size_t i = 0; text && i < ARRAY_SIZE(memory_keys); i++)
		*(uint64_t *)(void *)((char *)&a->memory + memory_keys[i].offset) =
			cgroup_key(text, memory_keys[i].key, 0);
	read_entry(dir, "memory", &a->mem);
	read_entry(dir, "memory.memsw", &a->swap);
	read_entry(dir, "memory.kmem", &a->kernel);
	read_entry(dir, "memory.kmem.tcp", &a->kernel_tcp);
	a->memory.usage = &a->mem;
	a->memory.swap = &a->swap;
	a->memory.kernel = &a->kernel;
	a->memory.kernel_tcp = &a->kernel_tcp;
	a->metrics.memory = &a->memory;
	if (oom) {
		a->oom.oom_kill_disable = cgroup_key(oom, "oom_kill_disable", 0);
		a->oom.under_oom = cgroup_key(oom, "under_oom", 0);
		a->oom.oom_kill = cgroup_key(oom, "oom_kill", 0);
		a->metrics.memory_oom_control = &a->oom;
	}
}

static void read_per_cpu(struct all *a, const char *dir)
{
	AUTO_FREE char *text = cgroup_read(dir, "cpuacct.usage_percpu");
	uint64_t *v = NULL;
	size_t n = 0;

	for (const char *s = text; s && *s >= '0' && *s <= '9' && n < CPUS_MAX;) {
		uint64_t *grown = reallocarray(v, n + 1, sizeof(*v));

		if (!grown)
			break;
		v = grown;
		v[n++] = cgroup_number(s);
		s += strspn(s, "0123456789");
		s += strspn(s, " ");
	}
	a->usage.per_cpu = v;
	a->usage.n_per_cpu = n;
}

static void read_cpuacct(struct all *a, const char *dir)
{
	AUTO_FREE char *text = cgroup_read(dir, "cpuacct.stat");

	a->usage.total = cgroup_read_u64(dir, "cpuacct.usage");
	a->usage.user = cgroup_key(text ? text : "", "user", 0) * USER_HZ_NS;
	a->usage.kernel = cgroup_key(text ? text : "", "system", 0) * USER_HZ_NS;
	read_per_cpu(a, dir);
	a->cpu.usage = &a->usage;
	a->metrics.cpu = &a->cpu;
}

static void read_cpu(struct all *a, const char *dir)
{
	AUTO_FREE char *text = cgroup_read(dir, "cpu.stat");

	if (!text)
		return;
	a->throttle.periods = cgroup_key(text, "nr_periods", 0);
	a->throttle.throttled_periods = cgroup_key(text, "nr_throttled", 0);
	a->throttle.throttled_time = cgroup_key(text, "throttled_time", 0);
	a->cpu.throttling = &a->throttle;
	a->metrics.cpu = &a->cpu;
}

static void read_pids(struct all *a, const char *dir)
{
	uint64_t limit = cgroup_read_u64(dir, "pids.max");

	a->pids.current = cgroup_read_u64(dir, "pids.current");
	a->pids.limit = limit == UINT64_MAX ? 0 : limit; /* no limit is 0 there */
	a->metrics.pids = &a->pids;
}

static void free_entries(blkio_entry **v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i]->op);
		free(v[i]);
	}
	free(v);
}

/* "8:0 Read 4096" or "8:0 4096"; "Total 4096" is none. NULL when it is none or memory is out. */
static blkio_entry *parse_blkio(const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	const char *op = memchr(line, ' ', n);
	const char *end = line + n;
	const char *value;
	blkio_entry *e;

	if (!colon || !op || colon > op)
		return NULL;
	op++;
	value = memchr(op, ' ', (size_t)(end - op));
	e = malloc(sizeof(*e));
	if (!e)
		return NULL;
	io__containerd__cgroups__v1__blk_ioentry__init(e);
	e->major = cgroup_number(line);
	e->minor = cgroup_number(colon + 1);
	e->op = value ? str_ndup(op, (size_t)(value - op)) : str_ndup("", 0);
	e->value = cgroup_number(value ? value + 1 : op);
	if (!e->op)
		free(take_ptr(&e));
	return e;
}

static blkio_entry **read_entries(const char *dir, const char *file, size_t *ret_n)
{
	AUTO_FREE char *text = cgroup_read(dir, file);
	blkio_entry **v = text ? calloc(BLKIO_ENTRIES, sizeof(blkio_entry *)) : NULL;
	size_t count = 0;

	for (const char *line = text; v && *line && count < BLKIO_ENTRIES;) {
		size_t n = strcspn(line, "\n");
		blkio_entry *e = parse_blkio(line, n);

		if (e)
			v[count++] = e;
		line += n + (line[n] == '\n');
	}
	*ret_n = count;
	return v;
}

static void read_blkio(struct all *a, const char *dir)
{
	/* the completely fair scheduler's files where it is used, the throttle layer's else */
	const char *bytes = "blkio.bfq.io_service_bytes_recursive";
	const char *ops = "blkio.bfq.io_serviced_recursive";
	AUTO_FREE char *probe = cgroup_read(dir, bytes);

	if (!probe) {
		bytes = "blkio.throttle.io_service_bytes_recursive";
		ops = "blkio.throttle.io_serviced_recursive";
	}
	a->blkio.io_service_bytes_recursive =
		read_entries(dir, bytes, &a->blkio.n_io_service_bytes_recursive);
	a->blkio.io_serviced_recursive = read_entries(dir, ops, &a->blkio.n_io_serviced_recursive);
	a->metrics.blkio = &a->blkio;
}

static void done_all(struct all *a)
{
	free(a->usage.per_cpu);
	free_entries(a->blkio.io_service_bytes_recursive, a->blkio.n_io_service_bytes_recursive);
	free_entries(a->blkio.io_serviced_recursive, a->blkio.n_io_serviced_recursive);
	for (size_t i = 0; i < a->metrics.n_hugetlb; i++) {
		free(a->metrics.hugetlb[i]->pagesize);
		free(a->metrics.hugetlb[i]);
	}
	free(a->metrics.hugetlb);
}

static void read_hugetlb(struct all *a, const char *dir)
{
	static const char *const sizes[] = { "64KB", "2MB", "32MB", "512MB", "1GB", "16GB" };
	Io__Containerd__Cgroups__V1__HugetlbStat **v = calloc(ARRAY_SIZE(sizes), sizeof(*v));

	a->metrics.hugetlb = v;
	for (size_t i = 0; v && i < ARRAY_SIZE(sizes); i++) {
		AUTO_FREE char *usage = str_printf("hugetlb.%s.usage_in_bytes", sizes[i]);
		AUTO_FREE char *max = str_printf("hugetlb.%s.max_usage_in_bytes", sizes[i]);
		AUTO_FREE char *failcnt = str_printf("hugetlb.%s.failcnt", sizes[i]);
		AUTO_FREE char *there = usage ? cgroup_read(dir, usage) : NULL;
		Io__Containerd__Cgroups__V1__HugetlbStat *h = there ? malloc(sizeof(*h)) : NULL;

		if (!h)
			continue;
		io__containerd__cgroups__v1__hugetlb_stat__init(h);
		h->usage = cgroup_number(there);
		h->max = max ? cgroup_read_u64(dir, max) : 0;
		h->failcnt = failcnt ? cgroup_read_u64(dir, failcnt) : 0;
		h->pagesize = str_dup(sizes[i]);
		if (h->pagesize)
			v[a->metrics.n_hugetlb++] = h;
		else
			free(h);
	}
}

int stats_v1(const char *text, const char *root, Google__Protobuf__Any *ret)
{
	static const struct {
		const char *controller;
		void (*read)(struct all *a, const char *dir);
	} readers[] = {
		{ "cpuacct", read_cpuacct }, { "cpu", read_cpu },         { "memory", read_memory },
		{ "pids", read_pids },       { "hugetlb", read_hugetlb }, { "blkio", read_blkio },
	};
	struct all *a = calloc(1, sizeof(*a)); /* not on the stack, whose pages would stay dirty */
	int r;

	if (!a)
		return -ENOMEM;
	init_all(a);
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		AUTO_FREE char *dir = cgroup_dir_from(text, root, readers[i].controller);

		if (dir && access(dir, F_OK) == 0)
			readers[i].read(a, dir);
	}
	r = pb_any_pack(&a->metrics, STATS_MAX, ret);
	done_all(a);
	free(a);
	return r;
}

int stats_read(const struct cgroup *cg, Google__Protobuf__Any *ret)
{
	AUTO_FREE char *dir = cgroup_dir(cg, NULL);

	if (!cg->text)
		return -ENOENT;
	if (!cg->v2)
		return stats_v1(cg->text, CGROUP_ROOT, ret);
	return dir ? stats_v2(dir, ret) : -ENOENT;
}
