/* SPDX-License-Identifier: Apache-2.0
 *
 * The programs that the shim itself has started: the orphan reaper leaves them to the loop.
 */
#ifndef CTR_SHIM_KIDS_H
#define CTR_SHIM_KIDS_H

#include <sys/types.h>

#include "base/list.h"

struct kid {
	struct list node; /* in a list of kids until it has been reaped */
	pid_t pid;
};

static inline int kids_have(const struct list *kids, pid_t pid)
{
	list_for (it, kids)
		if (list_entry(it, struct kid, node)->pid == pid)
			return 1;
	return 0;
}

#endif
