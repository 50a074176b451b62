/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's seccomp profile: the runtime's form is taken as it is, Docker's (archMap; includes and
 * excludes by capability, architecture and kernel) is reduced to it.
 */
#include "oci/seccomp.h"

#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

#include "base/macros.h"
#include "base/str.h"
#include "oci/caps.h"
#include "oci/json.h"
#include "status/status.h"

#if defined(__x86_64__)
#define NATIVE_SCMP "SCMP_ARCH_X86_64"
#define NATIVE_NAME "amd64"
#elif defined(__aarch64__)
#define NATIVE_SCMP "SCMP_ARCH_AARCH64"
#define NATIVE_NAME "arm64"
#elif defined(__s390x__)
#define NATIVE_SCMP "SCMP_ARCH_S390X"
#define NATIVE_NAME "s390x"
#elif defined(__riscv)
#define NATIVE_SCMP "SCMP_ARCH_RISCV64"
#define NATIVE_NAME "riscv64"
#elif defined(__powerpc64__)
#define NATIVE_SCMP "SCMP_ARCH_PPC64LE"
#define NATIVE_NAME "ppc64le"
#else
#define NATIVE_SCMP "SCMP_ARCH_ARM"
#define NATIVE_NAME "arm"
#endif

static int has_cap(const char *name, uint64_t caps)
{
	cap_value_t value;

	return cap_from_name(name, &value) == 0 && value >= 0 && value < 64 &&
	       (caps & CAP_BIT(value));
}

static int kernel_at_least(const char *want, const struct oci_host *host)
{
	unsigned major = 0, minor = 0;

	if (sscanf(want, "%5u.%5u", &major, &minor) < 1)
		return 0;
	return host->kernel_major > major ||
	       (host->kernel_major == major && host->kernel_minor >= minor);
}

/* One of includes or excludes; each present member must hold (every) or any one does (!every). */
static int filter_holds(const json_t *filter, const struct oci_host *host, uint64_t caps, int every)
{
	const char *min_kernel = json_string_value(json_object_get(filter, "minKernel"));
	const json_t *list = json_object_get(filter, "caps");
	int holds = every;
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		int one = has_cap(json_string_value(item) ? json_string_value(item) : "", caps);

		holds = every ? holds && one : holds || one;
	}
	list = json_object_get(filter, "arches");
	if (json_array_size(list) > 0) {
		int found = 0;

		json_array_foreach(list, i, item)
		{
			found |= str_eq(json_string_value(item), NATIVE_NAME);
		}
		holds = every ? holds && found : holds || found;
	}
	if (min_kernel && every)
		holds = holds && kernel_at_least(min_kernel, host);
	else if (min_kernel)
		holds = holds || kernel_at_least(min_kernel, host);
	return holds;
}

static int reduce_rules(const json_t *from, json_t *to, const struct oci_host *host, uint64_t caps)
{
	static const char *const dropped[] = { "includes", "excludes", "comment", "name" };
	json_t *rule;
	size_t i;
	int bad = 0;

	json_array_foreach(from, i, rule)
	{
		const json_t *includes = json_object_get(rule, "includes");
		const json_t *excludes = json_object_get(rule, "excludes");
		json_t *copy;

		if (json_object_size(includes) > 0 && !filter_holds(includes, host, caps, 1))
			continue;
		if (json_object_size(excludes) > 0 && filter_holds(excludes, host, caps, 0))
			continue;
		copy = json_copy(rule);
		for (size_t d = 0; copy && d < ARRAY_SIZE(dropped); d++)
			(void)json_object_del(copy, dropped[d]);
		if (json_is_null(json_object_get(copy, "args")))
			(void)json_object_del(copy, "args");
		bad |= json_array_append_new(to, copy);
	}
	return bad;
}

static json_t *reduce_arch_map(const json_t *map)
{
	json_t *list = json_array();
	json_t *entry, *sub;
	size_t i, k;
	int bad = 0;

	json_array_foreach(map, i, entry)
	{
		if (!str_eq(json_string_value(json_object_get(entry, "architecture")), NATIVE_SCMP))
			continue;
		bad |= json_array_append_new(list, json_string(NATIVE_SCMP));
		json_array_foreach(json_object_get(entry, "subArchitectures"), k, sub)
		{
			bad |= json_array_append(list, sub);
		}
	}
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static ctr_code check_shape(const json_t *root, struct ctr_error *err)
{
	json_t *rule;
	size_t i;

	if (!json_is_object(root) || !json_is_string(json_object_get(root, "defaultAction")))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "seccomp profile: no 'defaultAction'");
	json_array_foreach(json_object_get(root, "syscalls"), i, rule)
	{
		if (!json_is_array(json_object_get(rule, "names")))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"seccomp profile: rule %zu has no 'names'", i);
	}
	return CTR_OK;
}

ctr_code oci_seccomp_from_text(const char *text, const struct oci_host *host, uint64_t caps,
			       json_t **ret, struct ctr_error *err)
{
	static const char *const kept[] = {
		"defaultAction", "defaultErrnoRet", "architectures",
		"flags",         "listenerPath",    "listenerMetadata"
	};
	json_error_t jerr;
	AUTO_JSON root = json_loads(text, JSON_REJECT_DUPLICATES, &jerr);
	AUTO_JSON out = NULL;
	json_t *rules;
	int bad = 0;

	if (!root)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "seccomp profile: line %d: %s",
				jerr.line, jerr.text);
	if (check_shape(root, err) != CTR_OK)
		return CTR_INVALID_ARGUMENT;
	out = json_object();
	rules = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		json_t *value = json_object_get(root, kept[i]);

		if (value)
			bad |= json_put(out, kept[i], json_incref(value));
	}
	if (json_object_get(root, "archMap"))
		bad |= json_put(out, "architectures",
				reduce_arch_map(json_object_get(root, "archMap")));
	bad |= reduce_rules(json_object_get(root, "syscalls"), rules, host, caps);
	bad |= json_put(out, "syscalls", rules);
	if (bad)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "seccomp profile: out of memory");
	*ret = take_ptr(&out);
	return CTR_OK;
}
