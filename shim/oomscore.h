/* SPDX-License-Identifier: Apache-2.0
 *
 * oom_score_adj: how little the kernel likes to kill a process when memory ends, -1000 to 1000.
 */
#ifndef CTR_SHIM_OOMSCORE_H
#define CTR_SHIM_OOMSCORE_H

#include <sys/types.h>

/* pid 0 is this process. 0 or -errno. */
int oom_score_get(pid_t pid, int *ret);
int oom_score_set(pid_t pid, int score);

#endif
