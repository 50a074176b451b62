/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells when the kernel's OOM killer was at work in a container's cgroup.
 */
#ifndef CTR_SHIM_OOM_H
#define CTR_SHIM_OOM_H

#include "base/loop.h"
#include "shim/cgroup.h"

struct oom;

/* fn(ud) for each event, on the loop. 0, -ENOENT (no memory controller) or another -errno. */
int oom_watch(struct loop *loop, const struct cgroup *cg, loop_fn fn, void *ud, struct oom **ret);
/*
 * Tell now what was not told: a process may be seen to end before the kernel speaks, which in v2
 * waits some milliseconds. NULL allowed.
 */
void oom_look(struct oom *o);
void oom_free(struct oom *o); /* NULL allowed */

#endif
