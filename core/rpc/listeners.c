/* SPDX-License-Identifier: Apache-2.0
 *
 * The two servers of the daemon and their sockets. Loop thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/daemon.h"
#include "core/rpc/internal.h"
#include "rpc/listener.h"

#define LOW_BYTES (256u * 1024)

static ctr_code make_servers(struct listeners *l, struct ctr_error *err)
{
	struct daemon *d = l->daemon;
	struct grpc_limits limits = {
		.message_bytes = (size_t)config_int(d->config, "grpc.max_recv_message_size"),
		.low_bytes = LOW_BYTES,
	};
	int r;

	r = grpc_server_new(d->loop, &limits, &l->grpc);
	if (r == 0)
		r = ttrpc_server_new(d->loop, TTRPC_SAME_USER, &l->ttrpc);
	if (r == 0)
		r = daemon_provide(d, CTR_SERVICE_RPC, &rpc_ops, sizeof(rpc_ops));
	return r == 0 ? CTR_OK : ctr_fail_errno(err, r, "make the servers");
}

ctr_code listeners_new(struct daemon *d, struct listeners **ret, struct ctr_error *err)
{
	struct listeners *l = calloc(1, sizeof(*l));
	ctr_code code;

	if (!l)
		return ctr_fail_errno(err, ENOMEM, "make the servers");
	l->daemon = d;
	l->low_bytes = LOW_BYTES;
	code = make_servers(l, err);
	if (code != CTR_OK) {
		listeners_free(l);
		return code;
	}
	*ret = l;
	return CTR_OK;
}

/* The socket's folder, when it is not there: the state folder usually is it. */
static ctr_code make_parent(const char *address, struct ctr_error *err)
{
	AUTO_FREE char *dir = str_ndup(address, (size_t)(strrchr(address, '/') - address));
	AUTO_CLOSE int fd = -1;

	if (!dir)
		return ctr_fail_errno(err, ENOMEM, "listen on '%s'", address);
	if (!*dir || access(dir, F_OK) == 0)
		return CTR_OK;
	fd = path_own_dir(dir, 0711);
	return fd < 0 ? ctr_fail_errno(err, fd, "make the folder '%s'", dir) : CTR_OK;
}

ctr_code listeners_listen(struct listeners *l, struct ctr_error *err)
{
	struct daemon *d = l->daemon;
	int64_t gid = config_int(d->config, "grpc.gid");
	ctr_code code;

	code = make_parent(d->address, err);
	if (code == CTR_OK)
		code = make_parent(d->ttrpc_address, err);
	if (code == CTR_OK)
		code = grpc_server_listen(l->grpc, d->address, gid < 0 ? 0600 : 0660,
					  gid < 0 ? LISTENER_KEEP_GID : (gid_t)gid, err);
	if (code == CTR_OK)
		code = ttrpc_server_listen(l->ttrpc, d->ttrpc_address, 0600, LISTENER_KEEP_GID,
					   err);
	return code;
}

void listeners_stop(struct listeners *l)
{
	grpc_server_free(take_ptr(&l->grpc));
	ttrpc_server_free(take_ptr(&l->ttrpc));
}

void listeners_free(struct listeners *l)
{
	if (!l)
		return;

	listeners_stop(l);
	for (struct bound_service *s = l->services, *next; s; s = next) {
		next = s->next;
		rpc_service_free(s);
	}
	free(l);
}
