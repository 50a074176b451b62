/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting ctr-worker through the host's spawn service, and carrying its errors over to the host's.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/fd.h"
#include "differ.h"

#define FDS_MAX 8

/* worker_start() hands us what base/spawn.h would take. */
static int spawn_by_host(void *ud, const struct spawn *s, pid_t *ret_pid, int *ret_pidfd)
{
	const struct differ *d = ud;
	struct ctr_spawn_fd fds[FDS_MAX];
	struct ctr_spawn_args args = {
		.size = sizeof(args),
		.path = s->path,
		.argv = (const char *const *)s->argv,
		.envp = (const char *const *)s->envp,
		.fds = fds,
		.n_fds = s->n_fds,
	};
	int32_t pid, pidfd;
	ctr_code code;

	if (s->n_fds > FDS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < s->n_fds; i++)
		fds[i] = (struct ctr_spawn_fd){ s->fds[i].from, s->fds[i].to };

	code = d->spawn->start(d->host, &args, &pid, &pidfd, NULL);
	if (code == CTR_NOT_FOUND)
		return -ENOENT;
	if (code == CTR_PERMISSION_DENIED)
		return -EACCES;
	if (code != CTR_OK)
		return -EAGAIN;
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

struct wire_wait process_wait(const struct differ *d, const struct ctr_call *call)
{
	const struct ctr_call_ops *ops = d->host->call;
	struct wire_wait w = { .deadline_ns = NO_DEADLINE, .cancel_fd = -1 };

	if (call) {
		w.deadline_ns = ops->deadline_ns(call);
		w.cancel_fd = ops->cancel_fd(call);
	}
	return w;
}

ctr_code process_fail(const struct differ *d, const char *what, const struct ctr_error *from,
		      struct ctr_error *to)
{
	ctr_code code = from->code ? from->code : CTR_UNKNOWN;

	/* Damage and broken limits are the layer's own fault: trying again is no use. */
	if (code == CTR_DATA_LOSS)
		code = CTR_INVALID_ARGUMENT;
	return d->host->fail(to, code, "%s: %s", what, error_text(from));
}

ctr_code process_start(const struct differ *d, const struct ctr_call *call, enum worker_role role,
		       int target_fd, struct worker **ret, struct ctr_error *err)
{
	Ctr__Worker__V1__Setup setup;
	Ctr__Worker__V1__Cage cage;
	struct worker_options o = {
		.binary = d->worker,
		.role = role,
		.setup = &setup,
		.fds = &target_fd,
		.n_fds = target_fd >= 0 ? 1 : 0,
		.wait = process_wait(d, call),
		.spawn = d->spawn ? spawn_by_host : NULL,
	};
	AUTO_ERROR why = ERROR_INIT;

	ctr__worker__v1__setup__init(&setup);
	ctr__worker__v1__cage__init(&cage);
	cage.nice = d->nice;
	cage.ioprio = d->ioprio;
	cage.memory_bytes = d->memory_bytes;
	cage.target = target_fd >= 0;
	setup.cage = &cage;
	o.spawn_ud = (void *)(uintptr_t)d;
	return worker_start(&o, ret, &why) == CTR_OK
		       ? CTR_OK
		       : process_fail(d, "start ctr-worker", &why, err);
}
