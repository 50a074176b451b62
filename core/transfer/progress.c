/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress towards the client, in containerd's words. Nobody waits for a client that does not read:
 * what it has not taken is bounded, and beyond that it hears less.
 */
#include <stdarg.h>
#include <stdio.h>

#include "containerd/types/transfer/progress.pb-c.h"
#include "core/transfer/internal.h"

#define QUEUED_MAX (256 * 1024)

/* protobuf-c wants char *, and only reads through it. */
static char *lent(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

void progress_send(struct job *job, const struct progress *p)
{
	Containerd__Types__Transfer__Progress message;
	Containerd__Types__Descriptor desc;
	char *parents[1] = { lent(p->parent) };

	if (!job->progress)
		return;
	containerd__types__transfer__progress__init(&message);
	containerd__types__descriptor__init(&desc);
	message.event = lent(p->event);
	message.name = lent(p->name);
	message.progress = p->progress;
	message.total = p->total;
	if (*parents[0]) {
		message.parents = parents;
		message.n_parents = 1;
	}
	if (p->digest) {
		desc.media_type = lent(p->media_type);
		desc.digest = lent(p->digest);
		desc.size = p->size;
		message.desc = &desc;
	}
	pthread_mutex_lock(&job->progress_lock);
	if (stream_queued(job->progress) < QUEUED_MAX)
		(void)stream_send(job->progress, &message, NULL);
	pthread_mutex_unlock(&job->progress_lock);
}

void progress_text(struct job *job, const char *fmt, ...)
{
	char text[1024];
	struct progress p = { .event = text };
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	progress_send(job, &p);
}
