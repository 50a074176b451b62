/* SPDX-License-Identifier: Apache-2.0
 *
 * The table is the whole rule: a word that is not in it is data.
 */
#include "shim/mountopt.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/str.h"

struct word {
	const char *name;
	unsigned long flag;
	int clear;
	int propagation;
};

static const struct word words_known[] = {
	{ "async", MS_SYNCHRONOUS, 1, 0 },
	{ "atime", MS_NOATIME, 1, 0 },
	{ "bind", MS_BIND, 0, 0 },
	{ "defaults", 0, 0, 0 },
	{ "dev", MS_NODEV, 1, 0 },
	{ "diratime", MS_NODIRATIME, 1, 0 },
	{ "dirsync", MS_DIRSYNC, 0, 0 },
	{ "exec", MS_NOEXEC, 1, 0 },
	{ "mand", MS_MANDLOCK, 0, 0 },
	{ "noatime", MS_NOATIME, 0, 0 },
	{ "nodev", MS_NODEV, 0, 0 },
	{ "nodiratime", MS_NODIRATIME, 0, 0 },
	{ "noexec", MS_NOEXEC, 0, 0 },
	{ "nomand", MS_MANDLOCK, 1, 0 },
	{ "norelatime", MS_RELATIME, 1, 0 },
	{ "nostrictatime", MS_STRICTATIME, 1, 0 },
	{ "nosuid", MS_NOSUID, 0, 0 },
	{ "private", MS_PRIVATE, 0, 1 },
	{ "rbind", MS_BIND | MS_REC, 0, 0 },
	{ "relatime", MS_RELATIME, 0, 0 },
	{ "remount", MS_REMOUNT, 0, 0 },
	{ "ro", MS_RDONLY, 0, 0 },
	{ "rprivate", MS_PRIVATE | MS_REC, 0, 1 },
	{ "rshared", MS_SHARED | MS_REC, 0, 1 },
	{ "rslave", MS_SLAVE | MS_REC, 0, 1 },
	{ "runbindable", MS_UNBINDABLE | MS_REC, 0, 1 },
	{ "rw", MS_RDONLY, 1, 0 },
	{ "shared", MS_SHARED, 0, 1 },
	{ "slave", MS_SLAVE, 0, 1 },
	{ "strictatime", MS_STRICTATIME, 0, 0 },
	{ "suid", MS_NOSUID, 1, 0 },
	{ "sync", MS_SYNCHRONOUS, 0, 0 },
	{ "unbindable", MS_UNBINDABLE, 0, 1 },
};

static const struct word *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(words_known); i++)
		if (strcmp(words_known[i].name, name) == 0)
			return &words_known[i];
	return NULL;
}

int mount_opts_parse(char *const *words, size_t n, struct mount_opts *ret)
{
	AUTO_MOUNT_OPTS o = { .data = calloc(1, sizeof(char *)) };

	if (!o.data)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct word *w = find(words[i]);

		if (strcmp(words[i], "loop") == 0)
			o.loop = 1;
		else if (!w && strv_push(&o.data, words[i]) < 0)
			return -ENOMEM;
		else if (w && w->propagation)
			o.propagation = w->flag;
		else if (w && w->clear)
			o.flags &= ~w->flag;
		else if (w)
			o.flags |= w->flag;
	}
	*ret = o;
	o.data = NULL;
	return 0;
}

void mount_opts_done(struct mount_opts *o)
{
	strv_free(o->data);
	o->data = NULL;
}

char *mount_opts_data(const struct mount_opts *o)
{
	size_t len = 1;
	char *s, *p;

	for (char **w = o->data; *w; w++)
		len += strlen(*w) + 1;
	s = p = malloc(len);
	if (!s)
		return NULL;
	*p = '\0';
	for (char **w = o->data; *w; w++) {
		if (p != s)
			*p++ = ',';
		p = stpcpy(p, *w);
	}
	return s;
}
