/* SPDX-License-Identifier: Apache-2.0
 *
 * The "mounts" array: the kernel's file systems every container expects, the three files of /etc,
 * then the user's mounts, parents before children.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "oci/parts.h"
#include "status/status.h"

#define SHM_DEFAULT (64 * 1024 * 1024)
#define WORDS_MAX   8

struct preset {
	const char *destination, *type, *source;
	const char *options[WORDS_MAX];
};

static const struct preset presets[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts",
	  "devpts",
	  "devpts",
	  { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
	{ "/run", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
};

static size_t n_words(const struct preset *p)
{
	size_t n = 0;

	while (n < WORDS_MAX && p->options[n])
		n++;
	return n;
}

static int add_mount(json_t *list, const char *destination, const char *type, const char *source,
		     json_t *options)
{
	json_t *o = json_object();
	int bad = json_put_str(o, "destination", destination);

	bad |= json_put_str(o, "type", type);
	bad |= json_put_str(o, "source", source);
	bad |= json_put(o, "options", options);
	return json_array_append_new(list, o) | bad;
}

static json_t *preset_options(const struct preset *p, const struct oci_options *o)
{
	json_t *a = json_words(p->options, n_words(p));
	size_t last = json_array_size(a) - 1;

	/* the last word of the two sysfs-like presets is "ro" */
	if (a && o->privileged && str_eq(p->options[last], "ro"))
		(void)json_array_set_new(a, last, json_string("rw"));
	if (a && str_eq(p->destination, "/dev/shm")) {
		uint64_t bytes = o->shm_bytes ? o->shm_bytes : SHM_DEFAULT;

		(void)json_array_append_new(
			a, json_sprintf("size=%lluk", (unsigned long long)bytes / 1024));
	}
	return a;
}

static int replaced(const struct oci_options *o, const char *destination)
{
	for (size_t i = 0; i < o->n_mounts; i++) {
		if (str_eq(o->mounts[i].destination, destination))
			return 1;
	}
	return 0;
}

static int add_presets(json_t *list, const struct oci_options *o)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(presets); i++) {
		const struct preset *p = &presets[i];

		if (replaced(o, p->destination))
			continue;
		if (o->host_ipc &&
		    (str_eq(p->destination, "/dev/shm") || str_eq(p->destination, "/dev/mqueue"))) {
			static const char *const words[] = { "rbind", "nosuid", "noexec", "nodev" };

			bad |= add_mount(list, p->destination, "bind", p->destination,
					 json_words(words, ARRAY_SIZE(words)));
			continue;
		}
		bad |= add_mount(list, p->destination, p->type, p->source, preset_options(p, o));
	}
	return bad;
}

static int add_file(json_t *list, const struct oci_options *o, const char *destination,
		    const char *source)
{
	static const char *const words[] = { "rbind", "rprivate", "rw" };

	if (!source || replaced(o, destination))
		return 0;
	return add_mount(list, destination, "bind", source, json_words(words, ARRAY_SIZE(words)));
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += path[0] == '/' && path[1] && path[1] != '/';
	return n;
}

/* The user's mounts in order of depth, and in the order given among equals. */
static int add_user_mounts(json_t *list, const struct oci_options *o)
{
	size_t deepest = 0;
	int bad = 0;

	for (size_t i = 0; i < o->n_mounts; i++)
		deepest = MAX(deepest, depth(o->mounts[i].destination));
	for (size_t level = 0; level <= deepest; level++) {
		for (size_t i = 0; i < o->n_mounts; i++) {
			const struct oci_mount *m = &o->mounts[i];

			if (depth(m->destination) == level)
				bad |= add_mount(list, m->destination, m->type, m->source,
						 json_strings(m->options));
		}
	}
	return bad;
}

static ctr_code check_mounts(const struct oci_options *o, struct ctr_error *err)
{
	for (size_t i = 0; i < o->n_mounts; i++) {
		const struct oci_mount *m = &o->mounts[i];

		if (m->destination[0] != '/' || strlen(m->destination) >= 4096)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"mount target '%s' is not an absolute path",
					m->destination);
		if (depth(m->destination) == 0)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"mount target '%s' would hide the whole root",
					m->destination);
		for (size_t k = 0; k < i; k++) {
			if (str_eq(o->mounts[k].destination, m->destination))
				return ctr_fail(err, CTR_INVALID_ARGUMENT, "two mounts on '%s'",
						m->destination);
		}
	}
	return CTR_OK;
}

json_t *oci_part_mounts(const struct oci_options *o, struct ctr_error *err)
{
	json_t *list;
	int bad;

	if (check_mounts(o, err) != CTR_OK)
		return NULL;
	list = json_array();
	bad = add_presets(list, o);
	bad |= add_file(list, o, "/etc/hosts", o->hosts_file);
	bad |= add_file(list, o, "/etc/hostname", o->hostname_file);
	bad |= add_file(list, o, "/etc/resolv.conf", o->resolv_file);
	bad |= add_user_mounts(list, o);
	if (!bad)
		return list;
	json_decref(list);
	ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "mounts: out of memory or a path that is not UTF-8");
	return NULL;
}
