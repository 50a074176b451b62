/* SPDX-License-Identifier: Apache-2.0
 *
 * ctr-worker ROLE (ctr-worker-fetch for the role fetch): one caged process for one kind of foreign
 * bytes. Started by the daemon with a SEQPACKET pair as descriptor 3; reads Setup, enters the cage,
 * answers Ready and hands over to its role. Not for use by hand.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "worker/cage/cage.h"
#include "worker/role.h"

#define SOCKET_FD   3
#define SETUP_LIMIT (30 * NS_PER_SEC)

#if CAGE_SANITIZED
/* The leak check forks and traces at exit, which the cage forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

typedef int (*role_fn)(struct role *r);

static const role_fn role_table[WORKER_ROLES] = {
#ifdef WORKER_FETCH
	[ROLE_FETCH] = role_fetch,
#endif
#ifdef WORKER_PARSE
	[ROLE_PARSE] = role_parse,
#endif
#ifdef WORKER_UNPACK
	[ROLE_UNPACK] = role_unpack,
#endif
#ifdef WORKER_COMPARE
	[ROLE_COMPARE] = role_compare,
#endif
#ifdef WORKER_IMPORT
	[ROLE_IMPORT] = role_import,
#endif
};

static int find_role(const char *name, enum worker_role *ret)
{
	for (int i = 0; i < WORKER_ROLES; i++)
		if (role_table[i] && strcmp(name, worker_role_names[i]) == 0) {
			*ret = (enum worker_role)i;
			return 0;
		}
	return -EINVAL;
}

static ctr_code enter_cage(const struct role *r, int target_fd, struct cage_state *state,
			   struct ctr_error *err)
{
	const Ctr__Worker__V1__Setup *s = r->setup;
	struct cage_params p = { .role = r->role, .target_mount_fd = target_fd };

	if (s->cage) {
		p.uid = s->cage->uid;
		p.gid = s->cage->gid;
		p.nice = s->cage->nice;
		p.ioprio = s->cage->ioprio;
		p.memory_bytes = s->cage->memory_bytes;
		p.best_effort = s->cage->best_effort;
	}
	if (s->fetch) {
		p.hosts_dirs = s->fetch->hosts_dirs;
		p.n_hosts_dirs = s->fetch->n_hosts_dirs;
		p.ca_bundle = s->fetch->ca_bundle;
	}
	return cage_enter(&p, state, err);
}

/* Best effort: no private root; the descriptor is the target itself. */
static int open_target(struct role *r, struct wire_fds *fds, const struct cage_state *state)
{
	if (r->role != ROLE_UNPACK)
		return 0;
	if (!state->mount_namespace) {
		r->target_fd = fds->n ? take_fd(&fds->fd[0]) : -1;
		return r->target_fd < 0 ? -EBADF : 0;
	}
	r->target_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->target_fd < 0 ? -errno : 0;
}

static int say_ready(struct role *r, uint64_t id, const struct cage_state *state)
{
	Ctr__Worker__V1__Ready ready;
	worker_reply_pb rep;

	ctr__worker__v1__ready__init(&ready);
	ctr__worker__v1__reply__init(&rep);
	ready.landlock_abi = state->landlock_abi;
	ready.seccomp = state->seccomp;
	ready.mount_namespace = state->mount_namespace;
	ready.network_namespace = state->network_namespace;
	rep.id = id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_READY;
	rep.ready = &ready;
	return role_send(r, &rep, NULL, 0);
}

/* Cage, Ready, role. The request stays until the end: the role reads its Setup. */
static int serve(struct role *r, const worker_request *req, struct wire_fds *fds)
{
	struct cage_state state = { 0 };
	AUTO_ERROR err = ERROR_INIT;
	int target = fds->n ? fds->fd[0] : -1;

	r->setup = req->setup;
	ctr_code code = enter_cage(r, target, &state, &err);
	if (code != CTR_OK) {
		(void)role_failed(r, req->id, &err, 0, 0);
		return 1;
	}
	if (open_target(r, fds, &state) < 0 || say_ready(r, req->id, &state) < 0)
		return 1;
	wire_fds_done(fds);
	return role_table[r->role](r);
}

int main(int argc, char **argv)
{
	struct role r = { .sock = SOCKET_FD, .target_fd = -1 };
	struct wire_wait wait = { .deadline_ns = clock_now_ns() + SETUP_LIMIT, .cancel_fd = -1 };
	struct wire_fds fds = { .n = 0 };
	worker_request *req = NULL;
	int status = 1;

	if (argc != 2 || find_role(argv[1], &r.role) < 0) {
		fprintf(stderr, "usage: ctr-worker fetch|parse|unpack|compare (started by ctrd, "
				"socket as descriptor 3)\n");
		return 2;
	}
	/* libarchive warns about every name that is not ASCII in the C locale. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");

	int res = fd_set_nonblock(r.sock, 1);
	if (res == 0)
		res = role_recv(&r, &wait, &req, &fds);
	if (res < 0) {
		fprintf(stderr, "ctr-worker %s: no set-up from the daemon: %s\n", argv[1],
			strerrordesc_np(-res));
		return 1;
	}
	if (req->op_case == CTR__WORKER__V1__REQUEST__OP_SETUP && req->setup)
		status = serve(&r, req, &fds);
	wire_fds_done(&fds);
	fd_close(&r.target_fd);
	role_request_free(req);
	return status;
}
