/* SPDX-License-Identifier: Apache-2.0
 *
 * Put the parts of a spec together: root, hostname, namespaces, resources, paths, seccomp.
 */
#include "oci/spec.h"

#include <errno.h>

#include "base/str.h"
#include "oci/parts.h"
#include "oci/seccomp.h"
#include "status/status.h"

#define OCI_VERSION "1.0.2"

static const char *const masked[] = {
	"/proc/acpi",       "/proc/asound",      "/proc/interrupts",
	"/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap",
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static int add_namespace(json_t *list, const char *type, const char *path)
{
	json_t *o = json_object();
	int bad = json_put_str(o, "type", type);

	bad |= json_put_str(o, "path", path);
	return json_array_append_new(list, o) | bad;
}

static json_t *namespaces(const struct oci_options *o, const struct oci_host *host)
{
	json_t *list = json_array();
	int bad = add_namespace(list, "mount", NULL);

	if (!o->host_pid)
		bad |= add_namespace(list, "pid", NULL);
	if (!o->host_ipc)
		bad |= add_namespace(list, "ipc", NULL);
	if (!o->host_uts)
		bad |= add_namespace(list, "uts", NULL);
	if (!o->host_network)
		bad |= add_namespace(list, "network", o->netns_path);
	/* as users know it: a private view with cgroup v2 only */
	if (host->cgroup2 && !o->privileged)
		bad |= add_namespace(list, "cgroup", NULL);
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static int put_memory(json_t *parent, const struct oci_resources *r)
{
	json_t *o;
	int bad = 0;

	if (!r->memory && !r->memory_swap && !r->memory_reservation)
		return 0;
	o = json_object();
	if (r->memory)
		bad |= json_put_int(o, "limit", r->memory);
	if (r->memory_reservation)
		bad |= json_put_int(o, "reservation", r->memory_reservation);
	if (r->memory_swap)
		bad |= json_put_int(o, "swap", r->memory_swap);
	return json_put(parent, "memory", o) | bad;
}

static int put_cpu(json_t *parent, const struct oci_resources *r)
{
	json_t *o;
	int bad = 0;

	if (!r->cpu_shares && !r->cpu_period && !r->cpu_quota && !r->cpuset_cpus && !r->cpuset_mems)
		return 0;
	o = json_object();
	if (r->cpu_shares)
		bad |= json_put_int(o, "shares", (int64_t)MIN(r->cpu_shares, (uint64_t)INT64_MAX));
	if (r->cpu_quota)
		bad |= json_put_int(o, "quota", r->cpu_quota);
	if (r->cpu_period)
		bad |= json_put_int(o, "period", (int64_t)MIN(r->cpu_period, (uint64_t)INT64_MAX));
	bad |= json_put_str(o, "cpus", r->cpuset_cpus);
	bad |= json_put_str(o, "mems", r->cpuset_mems);
	return json_put(parent, "cpu", o) | bad;
}

static int put_pids(json_t *parent, const struct oci_resources *r)
{
	json_t *o;
	int bad;

	if (!r->pids)
		return 0;
	o = json_object();
	bad = json_put_int(o, "limit", r->pids);
	return json_put(parent, "pids", o) | bad;
}

static int put_device_rules(json_t *rules, int privileged)
{
	json_t *all = json_object();
	int bad = json_put_bool(all, "allow", privileged);

	bad |= json_put_str(all, "access", "rwm");
	bad |= json_array_append_new(rules, all);
	return privileged ? bad : bad | oci_default_device_rules(rules);
}

static ctr_code check_resources(const struct oci_resources *r, struct ctr_error *err)
{
	if (r->memory < 0 || r->memory_reservation < 0 || r->cpu_quota < -1)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "a resource limit is negative");
	if (r->memory_swap > 0 && r->memory == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "a swap limit needs a memory limit");
	if (r->memory_swap > 0 && r->memory_swap < r->memory)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"the limit of memory and swap together is below that of memory");
	return CTR_OK;
}

json_t *oci_part_resources(const struct oci_options *o, struct ctr_error *err)
{
	json_t *out;
	int bad;

	if (check_resources(&o->resources, err) != CTR_OK)
		return NULL;
	out = json_object();
	bad = put_memory(out, &o->resources);
	bad |= put_cpu(out, &o->resources);
	bad |= put_pids(out, &o->resources);
	if (!bad)
		return out;
	json_decref(out);
	ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "resources: out of memory");
	return NULL;
}

static json_t *pairs(const struct oci_pair *list, size_t n)
{
	json_t *o = json_object();
	int bad = 0;

	for (size_t i = 0; i < n; i++)
		bad |= json_put_str(o, list[i].key, str_or(list[i].value, ""));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static ctr_code put_seccomp(json_t *parent, const struct oci_options *o,
			    const struct oci_host *host, struct ctr_error *err)
{
	json_t *profile = NULL;
	ctr_code code = CTR_OK;

	if (o->privileged || o->seccomp == OCI_SECCOMP_UNCONFINED)
		return CTR_OK;
	if (!host->seccomp)
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"this kernel has no seccomp filters: run with seccomp=unconfined "
				"to go without");
	if (o->seccomp == OCI_SECCOMP_PROFILE)
		code = oci_seccomp_from_text(o->seccomp_profile, host, o->process.caps, &profile,
					     err);
	else
		profile = oci_seccomp_default(host, o->process.caps);
	if (code != CTR_OK)
		return code;
	if (json_put(parent, "seccomp", profile) != 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "seccomp profile: out of memory");
	return CTR_OK;
}

static int put_paths(json_t *linux_part, const struct oci_options *o)
{
	if (o->privileged)
		return 0;
	return json_put(linux_part, "maskedPaths", json_words(masked, ARRAY_SIZE(masked))) |
	       json_put(linux_part, "readonlyPaths",
			json_words(readonly_paths, ARRAY_SIZE(readonly_paths)));
}

static ctr_code put_linux(json_t *spec, const struct oci_options *o, const struct oci_host *host,
			  struct ctr_error *err)
{
	json_t *part = json_object();
	json_t *rules = json_array();
	json_t *resources = oci_part_resources(o, err);
	json_t *devices;
	int bad = json_put(spec, "linux", part);

	if (!resources) {
		json_decref(rules);
		return CTR_INVALID_ARGUMENT;
	}
	bad |= put_device_rules(rules, o->privileged);
	devices = oci_part_devices(o, rules, err);
	bad |= json_put(resources, "devices", rules);
	bad |= json_put(part, "resources", resources);
	if (!devices)
		return CTR_INVALID_ARGUMENT;
	if (json_array_size(devices) > 0)
		bad |= json_put(part, "devices", devices);
	else
		json_decref(devices);
	if (o->n_sysctls)
		bad |= json_put(part, "sysctl", pairs(o->sysctls, o->n_sysctls));
	bad |= json_put_str(part, "cgroupsPath", o->cgroups_path);
	bad |= json_put(part, "namespaces", namespaces(o, host));
	bad |= put_paths(part, o);
	if (bad)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"spec: out of memory or a string that is not UTF-8");
	return put_seccomp(part, o, host, err);
}

static int put_head(json_t *spec, const struct oci_options *o)
{
	json_t *root = json_object();
	int bad = json_put_str(spec, "ociVersion", OCI_VERSION);

	bad |= json_put_str(root, "path", str_or(o->root_path, "rootfs"));
	bad |= json_put_bool(root, "readonly", o->root_readonly);
	bad |= json_put(spec, "root", root);
	if (!o->host_uts)
		bad |= json_put_str(spec, "hostname", o->hostname);
	if (o->n_annotations)
		bad |= json_put(spec, "annotations", pairs(o->annotations, o->n_annotations));
	return bad;
}

ctr_code oci_spec_build(const struct oci_options *o, const struct oci_host *host, char **ret,
			struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;
	AUTO_JSON spec = json_object();
	json_t *process, *mounts;

	if (put_head(spec, o) != 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"spec: out of memory or a string that is not UTF-8");
	process = oci_part_process(&o->process, host, &why);
	if (!process)
		return ctr_move_error(err, &why);
	if (json_put(spec, "process", process) != 0)
		return ctr_fail_errno(err, ENOMEM, "spec");
	mounts = oci_part_mounts(o, &why);
	if (!mounts)
		return ctr_move_error(err, &why);
	if (json_put(spec, "mounts", mounts) != 0)
		return ctr_fail_errno(err, ENOMEM, "spec");
	if (put_linux(spec, o, host, &why) != CTR_OK)
		return ctr_move_error(err, &why);
	*ret = json_dumps(spec, JSON_COMPACT);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "spec");
}
