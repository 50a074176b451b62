/* SPDX-License-Identifier: Apache-2.0
 *
 * The order in which a worker gives things up: limits, namespaces, root, identity, Landlock,
 * seccomp. Each step needs a right that a later one takes away. Single-threaded, once a process.
 */
#include "worker/cage/cage.h"

#include "worker/cage/parts.h"

/* A part that failed: the end, unless the caller takes what can be had. */
static int may_go_on(const struct cage_params *p, int needed)
{
	return p->best_effort || !needed;
}

static ctr_code namespaces_and_root(const struct cage_params *p, struct cage_state *state,
				    struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = cage_namespaces(p, state, &why);

	if (code == CTR_OK)
		return cage_root(p, err);
	/*
	 * A parser without root (a user's own client) may find user namespaces forbidden; its
	 * filter alone already leaves it no way to open, connect or create anything.
	 */
	if (may_go_on(p, p->role != ROLE_PARSE))
		return CTR_OK;
	ctr_fail(err, CTR_FAILED_PRECONDITION, "cage of worker %s: %s", worker_role_names[p->role],
		 error_text(&why));
	return CTR_FAILED_PRECONDITION;
}

ctr_code cage_enter(const struct cage_params *p, struct cage_state *ret, struct ctr_error *err)
{
	struct cage_state state = { 0 };
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = cage_limits(p, err);

	if (code != CTR_OK)
		return code;
	code = namespaces_and_root(p, &state, err);
	if (code != CTR_OK)
		return code;
	code = cage_ids(p, &state, &why);
	if (code != CTR_OK && !may_go_on(p, state.mount_namespace))
		return ctr_move_error(err, &why);
	if (state.mount_namespace) {
		code = cage_landlock(p->role, &state.landlock_abi, err);
		if (code != CTR_OK)
			return code;
	}
	code = cage_filter(p->role, &why);
	if (code != CTR_OK && !may_go_on(p, 1))
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "cage of worker %s: %s",
				worker_role_names[p->role], error_text(&why));
	state.seccomp = code == CTR_OK;
	*ret = state;
	return CTR_OK;
}
