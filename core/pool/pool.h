/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded pool of threads: threads are made when work waits and end after a few idle seconds, so
 * an idle daemon has none. Work of one client (key) waits behind the work of others in turn.
 */
#ifndef CTR_CORE_POOL_H
#define CTR_CORE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool;

int pool_new(const char *name, unsigned max_threads, size_t max_queue, struct pool **ret);
/*
 * Run fn(ud) once on a thread of the pool. key: whose work it is (fairness). 0, -EAGAIN when the
 * queue is full, -ENOMEM. Any thread.
 */
int pool_run(struct pool *p, uint64_t key, void (*fn)(void *ud), void *ud);
/* Wait until nothing runs and nothing is queued: 0 there was nothing, 1 there was, -ETIMEDOUT. */
int pool_drain(struct pool *p, int64_t deadline_ns);
/* Wait for what runs and what is queued, then free. NULL allowed. */
void pool_free(struct pool *p);

#endif
