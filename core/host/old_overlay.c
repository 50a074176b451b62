/* SPDX-License-Identifier: Apache-2.0
 *
 * Overlays on kernels before 6.7: mount(2) with all options in one page, made short by standing in
 * the layers' common folder. It happens on a thread of its own in a mount namespace of its own;
 * what is taken out of there is a clone of the tree that is attached nowhere. The thread ends, and
 * the namespace with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "core/host/internal.h"

struct job {
	const struct ctr_mount *mount;
	const char *scratch, *options;
	char *dir; /* "" or where the names in options begin */
	unsigned long flags;
	int fd;     /* result */
	int errnum; /* 0, or why not */
	const char *what;
};

static int fail(struct job *job, const char *what)
{
	job->errnum = errno;
	job->what = what;
	return -1;
}

static int make_tree(struct job *job)
{
	AUTO_CLOSE int dir = -1;

	if (unshare(CLONE_FS | CLONE_NEWNS) < 0)
		return fail(job, "make a mount namespace");
	if (mount("none", "/", "none", MS_REC | MS_SLAVE, NULL) < 0)
		return fail(job, "set the mounts apart");
	/* Opened in the new namespace: overlay refuses layers of another. The folder is this
	 * thread's alone. */
	if (*job->dir) {
		dir = open(job->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || fchdir(dir) < 0)
			return fail(job, "enter the layers' folder");
	}
	if (mount(job->mount->source, job->scratch, job->mount->type, job->flags, job->options) < 0)
		return fail(job, "mount");
	job->fd = open_tree(AT_FDCWD, job->scratch, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return job->fd < 0 ? fail(job, "take the tree") : 0;
}

static void *job_thread(void *arg)
{
	(void)make_tree(arg);
	return NULL;
}

static const char *value_of(const char *word, const char *key)
{
	return str_starts(word, key) ? word + strlen(key) : NULL;
}

static const char *path_of(const char *word)
{
	const char *value = value_of(word, "lowerdir=");

	if (!value)
		value = value_of(word, "upperdir=");
	return value ? value : value_of(word, "workdir=");
}

/* Shorten dir (its first n bytes) until it is a folder that holds path too. */
static size_t common(const char *dir, size_t n, const char *path)
{
	size_t same = 0;

	while (same < n && dir[same] == path[same])
		same++;
	while (same > 0 && dir[same - 1] != '/')
		same--;
	return same;
}

/*
 * The folder, with '/' at its end, that all layers have in common; "" when that is nothing worth
 * standing in.
 */
static char *common_dir(const struct mount_words *w)
{
	const char *first = NULL;
	size_t n = 0;

	for (uint64_t i = 0; i < w->n_data; i++) {
		const char *at = path_of(w->data[i]);

		for (; at && *at; at += strcspn(at, ":"), at += *at == ':') {
			n = first ? common(first, n, at) : strcspn(at, ":");
			first = first ? first : at;
		}
	}
	n = first ? common(first, n, first) : 0;
	return n > 1 ? str_ndup(first, n) : str_dup("");
}

/* All words in one string, without dir before each layer. */
static void put_options(struct buf *b, const struct mount_words *w, const char *dir)
{
	size_t cut = strlen(dir);

	for (uint64_t i = 0; i < w->n_data; i++) {
		const char *word = w->data[i], *at = path_of(word);

		buf_puts(b, i > 0 ? "," : "");
		if (!at) {
			buf_puts(b, word);
			continue;
		}
		buf_append(b, word, (size_t)(at - word));
		for (; *at; at += *at == ':') {
			size_t n = strcspn(at, ":");

			buf_append(b, at + cut, n - cut);
			at += n;
			buf_puts(b, *at ? ":" : "");
		}
	}
}

ctr_code mount_old_overlay(const struct ctr_mount *m, const struct mount_words *w,
			   const char *scratch, int *ret_fd, struct ctr_error *err)
{
	AUTO_FREE char *dir = common_dir(w);
	AUTO_BUF options = BUF_INIT((size_t)getpagesize() - 1);
	struct job job = { .mount = m, .scratch = scratch, .flags = w->flags, .fd = -1 };
	pthread_t thread;
	int r;

	if (!dir)
		return ctr_fail_errno(err, ENOMEM, "mount %s", m->type);
	put_options(&options, w, dir);
	if (buf_failed(&options) == -E2BIG)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"mount %s: the options are longer than a page, which this kernel "
				"does not take",
				m->type);
	job.dir = dir;
	job.options = options.data ? options.data : "";
	r = buf_failed(&options) ? -buf_failed(&options)
				 : pthread_create(&thread, NULL, job_thread, &job);
	if (r)
		return ctr_fail_errno(err, r, "mount %s", m->type);
	pthread_join(thread, NULL);
	if (job.fd < 0)
		return ctr_fail_errno(err, job.errnum, "mount %s '%s': %s", m->type, m->source,
				      job.what);
	*ret_fd = job.fd;
	return CTR_OK;
}
