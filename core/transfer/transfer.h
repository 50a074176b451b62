/* SPDX-License-Identifier: Apache-2.0
 *
 * Transfer: pull, tag, export and import. Each request is one job on a thread of its own pool; the
 * bytes go through caged workers and the content, snapshot and differ plugins. See
 * docs/transfer.md.
 */
#ifndef CTR_CORE_TRANSFER_H
#define CTR_CORE_TRANSFER_H

#include <stdint.h>

#include "status/status.h"

struct daemon;
struct streams;
struct transfers;

/*
 * Sets d->transfers too. Provides ctr.transfer.v0, ctr.streams.v0 and ctr.diffs.v0; before
 * registry_init(). Needs the configuration, the loop and d->libexec.
 */
ctr_code transfers_new(struct daemon *d, struct transfers **ret, struct ctr_error *err);
/* Remove the temporary leases that a killed daemon left, on a thread of its own. After
 * registry_start(). */
void transfers_recover(struct transfers *t);
/* Cancel what runs and wait for it; before registry_stop(). NULL allowed. 0 or -ETIMEDOUT. */
int transfers_stop(struct transfers *t, int64_t deadline_ns);
void transfers_free(struct transfers *t); /* NULL allowed */

struct streams *transfers_streams(struct transfers *t);

#endif
