/* SPDX-License-Identifier: Apache-2.0
 *
 * Mount option words: which are attributes of the mount, which flags of the file system, and which
 * its own data. The list is containerd's. Constant data.
 */
#include <stddef.h>
#include <sys/mount.h>

#include "base/macros.h"
#include "base/str.h"
#include "core/host/internal.h"

struct word {
	const char *text;
	uint64_t set, clear;   /* MOUNT_ATTR_* */
	unsigned long on, off; /* MS_* */
	int is_data;           /* the file system hears of it too */
};

/* The times are one field of the attributes: setting one clears the field first. */
#define TIMES MOUNT_ATTR__ATIME

static const struct word words[] = {
	{ .text = "defaults" },
	{ .text = "ro", .set = MOUNT_ATTR_RDONLY, .on = MS_RDONLY },
	{ .text = "rw", .clear = MOUNT_ATTR_RDONLY, .off = MS_RDONLY },
	{ .text = "nosuid", .set = MOUNT_ATTR_NOSUID, .on = MS_NOSUID },
	{ .text = "suid", .clear = MOUNT_ATTR_NOSUID, .off = MS_NOSUID },
	{ .text = "nodev", .set = MOUNT_ATTR_NODEV, .on = MS_NODEV },
	{ .text = "dev", .clear = MOUNT_ATTR_NODEV, .off = MS_NODEV },
	{ .text = "noexec", .set = MOUNT_ATTR_NOEXEC, .on = MS_NOEXEC },
	{ .text = "exec", .clear = MOUNT_ATTR_NOEXEC, .off = MS_NOEXEC },
	{ .text = "noatime", .set = MOUNT_ATTR_NOATIME, .clear = TIMES, .on = MS_NOATIME },
	{ .text = "atime", .clear = TIMES, .off = MS_NOATIME },
	{ .text = "nodiratime", .set = MOUNT_ATTR_NODIRATIME, .on = MS_NODIRATIME },
	{ .text = "diratime", .clear = MOUNT_ATTR_NODIRATIME, .off = MS_NODIRATIME },
	{ .text = "relatime", .set = MOUNT_ATTR_RELATIME, .clear = TIMES, .on = MS_RELATIME },
	{ .text = "norelatime", .off = MS_RELATIME },
	{ .text = "strictatime",
	  .set = MOUNT_ATTR_STRICTATIME,
	  .clear = TIMES,
	  .on = MS_STRICTATIME },
	{ .text = "nostrictatime", .clear = TIMES, .off = MS_STRICTATIME },
	{ .text = "sync", .on = MS_SYNCHRONOUS, .is_data = 1 },
	{ .text = "async", .off = MS_SYNCHRONOUS },
	{ .text = "dirsync", .on = MS_DIRSYNC, .is_data = 1 },
	{ .text = "mand", .on = MS_MANDLOCK, .is_data = 1 },
	{ .text = "nomand", .off = MS_MANDLOCK },
};

static const struct word *find(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (str_eq(words[i].text, text))
			return &words[i];
	}
	return NULL;
}

/* Words that ask for more than a mount: loop devices, mapped ids, the mount manager. */
static int needs_manager(const char *text)
{
	return str_eq(text, "loop") || str_eq(text, "remount") ||
	       str_starts(text, "X-containerd.") || str_starts(text, "uidmap=") ||
	       str_starts(text, "gidmap=");
}

static void apply(const struct word *w, struct mount_words *ret)
{
	ret->set = (ret->set & ~(w->clear | (w->set & TIMES ? TIMES : 0))) | w->set;
	ret->clear = (ret->clear & ~w->set) | w->clear;
	ret->flags = (ret->flags & ~w->off) | w->on;
}

ctr_code mount_words_read(const struct ctr_mount *m, const char **data, struct mount_words *ret,
			  struct ctr_error *err)
{
	struct mount_words out = { .data = data };

	if (m->n_options > MOUNT_OPTIONS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "mount '%s': more than %d options",
				m->source, MOUNT_OPTIONS_MAX);
	for (uint64_t i = 0; i < m->n_options; i++) {
		const char *text = m->options[i];
		const struct word *w = find(text);

		if (needs_manager(text))
			return ctr_fail(err, CTR_UNIMPLEMENTED,
					"mount '%s': option '%s' needs the mount manager",
					m->source, text);
		if (str_eq(text, "bind") || str_eq(text, "rbind")) {
			out.bind = 1;
			out.recursive |= text[0] == 'r';
			continue;
		}
		if (w)
			apply(w, &out);
		if (!w || w->is_data)
			data[out.n_data++] = text;
	}
	out.read_only = (out.flags & MS_RDONLY) != 0;
	*ret = out;
	return CTR_OK;
}
