/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads: a few connections, opened when first needed, each lent to one thread at a time for one
 * consistent snapshot. Slot 0 belongs to the thread that opened the store (the loop's), which
 * therefore never waits here.
 */
#include "core/call/call.h"
#include "core/store/internal.h"

/* The caller gives it back with reader_put(). */
static struct reader *reader_get(struct store *s, struct ctr_error *err)
{
	struct reader *r = NULL;

	pthread_mutex_lock(&s->readers_mu);
	if (pthread_equal(pthread_self(), s->loop_thread)) {
		r = s->readers[0].busy ? NULL : &s->readers[0];
	} else {
		while (!r) {
			for (size_t i = 1; !r && i < STORE_READERS; i++)
				if (!s->readers[i].busy)
					r = &s->readers[i];
			if (!r)
				pthread_cond_wait(&s->readers_free, &s->readers_mu);
		}
	}
	if (r)
		r->busy = 1;
	pthread_mutex_unlock(&s->readers_mu);
	if (!r)
		ctr_fail(err, CTR_INTERNAL, "a read of the store inside another one");
	return r;
}

static void reader_put(struct store *s, struct reader *r)
{
	pthread_mutex_lock(&s->readers_mu);
	r->busy = 0;
	pthread_cond_signal(&s->readers_free);
	pthread_mutex_unlock(&s->readers_mu);
}

static ctr_code view_on(struct store *s, struct reader *r, const char *plugin, ctr_txn_fn fn,
			void *ud, struct ctr_error *err)
{
	struct ctr_txn txn;
	ctr_code code = CTR_OK;

	if (!r->conn.db)
		code = conn_open(&r->conn, s->path, 0, err);
	if (code == CTR_OK)
		code = conn_exec(&r->conn, "BEGIN", err);
	if (code != CTR_OK)
		return code;
	txn_init(&txn, s, &r->conn, plugin, 0);
	code = fn(&txn, ud, err);
	txn_done(&txn);
	conn_reset(&r->conn);
	if (!sqlite3_get_autocommit(r->conn.db))
		conn_exec(&r->conn, "COMMIT", NULL);
	return code;
}

ctr_code store_view_as(struct store *s, const char *plugin, const struct ctr_call *call,
		       ctr_txn_fn fn, void *ud, struct ctr_error *err)
{
	ctr_code code = call ? call_check(call, err) : CTR_OK;

	if (code != CTR_OK)
		return code;
	struct reader *r = reader_get(s, err);

	if (!r)
		return CTR_INTERNAL;
	code = view_on(s, r, plugin, fn, ud, err);
	reader_put(s, r);
	return code;
}

ctr_code store_view(struct store *s, const struct ctr_call *call, ctr_txn_fn fn, void *ud,
		    struct ctr_error *err)
{
	return store_view_as(s, "", call, fn, ud, err);
}

void readers_trim(struct store *s)
{
	for (size_t i = 0; i < STORE_READERS; i++) {
		struct reader *r = &s->readers[i];

		pthread_mutex_lock(&s->readers_mu);
		if (!r->busy)
			conn_trim(&r->conn);
		pthread_mutex_unlock(&s->readers_mu);
	}
}
