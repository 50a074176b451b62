/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client must know of the daemon before it makes a container: the default snapshotter of the
 * namespace and whether the runtime writes logs itself. The questions are sent at once and answered
 * while other things go on.
 */
#ifndef CTR_CLI_FACTS_H
#define CTR_CLI_FACTS_H

#include "cli/cli.h"

#define FALLBACK_SNAPSHOTTER "overlayfs"

struct facts {
	struct rpc_pending *plugins, *ns;
	char *snapshotter;
	int ctrlog; /* the runtime takes ctrlog:// */
};
void facts_done(struct facts *f);
#define AUTO_FACTS AUTO(facts_done) struct facts

/*
 * Ask. snapshotter: --snapshotter or NULL (then CONTAINERD_SNAPSHOTTER, the namespace's label, the
 * daemon's default); logs: whether ctrlog is of interest. Nothing is asked that is not needed.
 */
ctr_code facts_ask(struct cli *c, const char *snapshotter, int logs, struct facts *f,
		   struct ctr_error *err);
ctr_code facts_take(struct facts *f, struct ctr_error *err);

#endif
