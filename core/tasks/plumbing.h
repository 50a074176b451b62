/* SPDX-License-Identifier: Apache-2.0
 *
 * The services that a runtime plugin needs to talk to shims without threads: ctr.loop.v0 and ctr.ttrpc.v0.
 */
#ifndef CTR_CORE_TASKS_PLUMBING_H
#define CTR_CORE_TASKS_PLUMBING_H

struct daemon;

int plumbing_provide(struct daemon *d); /* 0 or -errno */

#endif
