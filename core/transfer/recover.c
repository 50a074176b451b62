/* SPDX-License-Identifier: Apache-2.0
 *
 * After a daemon that was killed: its transfers' leases hold half-made snapshots. They go, and the
 * collector takes what they held; ingests stay, for they can be resumed.
 */
#include <stdlib.h>
#include <string.h>

#include <ctr/unstable/namespaces.h>

#include "base/log.h"
#include "base/str.h"
#include "core/pool/pool.h"
#include "core/registry/registry.h"
#include "core/registry/services.h"
#include "core/transfer/internal.h"

struct old {
	const struct transfers *t;
	char **ids;
};

static ctr_code keep_lease(void *ud, const struct ctr_lease *lease)
{
	struct old *old = ud;
	const char *run = meta_label(lease->labels, LEASE_LABEL);

	/* Transfers of this run may have begun already. */
	if (!run || str_eq(run, old->t->run))
		return CTR_OK;
	return strv_push(&old->ids, lease->id) < 0 ? CTR_RESOURCE_EXHAUSTED : CTR_OK;
}

static ctr_code keep_namespace(void *ud, const struct ctr_namespace *ns)
{
	return strv_push(ud, ns->name) < 0 ? CTR_RESOURCE_EXHAUSTED : CTR_OK;
}

static void clean(struct transfers *t, const struct ctr_host *h, const char *ns)
{
	const struct ctr_leases_ops *leases = services_find(t->daemon, CTR_SERVICE_LEASES, NULL);
	const struct ctr_filters all = { NULL, 0 };
	struct old old = { .t = t };
	struct ctr_call call;

	call_init(&call, ns);
	if (leases && leases->list(h, &call, all, keep_lease, &old, NULL) == CTR_OK)
		for (size_t i = 0; old.ids && old.ids[i]; i++)
			if (leases->remove(h, &call, old.ids[i], 0, NULL) == CTR_OK)
				log_info(
					"namespace %s: lease %s of an interrupted transfer removed",
					ns, old.ids[i]);
	strv_free(old.ids);
	call_done(&call);
}

static void recover_thread(void *ud)
{
	struct transfers *t = ud;
	const struct ctr_host *h = registry_host(t->daemon->registry);
	const struct ctr_namespaces_ops *namespaces =
		services_find(t->daemon, CTR_SERVICE_NAMESPACES, NULL);
	AUTO_STRV names = NULL;

	if (!h || !namespaces || namespaces->list(h, NULL, keep_namespace, &names, NULL) != CTR_OK)
		return;
	for (size_t i = 0; names && names[i]; i++)
		clean(t, h, names[i]);
}

void transfers_recover(struct transfers *t)
{
	int r = pool_run(t->jobs, 0, recover_thread, t);

	if (r < 0)
		log_warn("leases of interrupted transfers stay until they expire: %s",
			 strerrordesc_np(-r));
}
