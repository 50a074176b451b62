/* SPDX-License-Identifier: Apache-2.0
 *
 * A daemon of nothing but a store and an exchange, in a folder of its own; events are kept as "ns
 * topic type;".
 */
#ifndef CTR_TEST_META_FIXTURE_H
#define CTR_TEST_META_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "core/call/call.h"
#include "core/daemon.h"
#include "core/events/events.h"
#include "core/meta/meta.h"
#include "core/meta/records.h"
#include "core/store/store.h"
#include "status/status.h"

struct fixture {
	struct daemon d;
	struct ctr_call call; /* namespace "default" */
	struct ctr_error err;
	struct subscription *sub;
	pthread_mutex_t mu; /* guards seen */
	char seen[16384];
	size_t n_seen;
	char dir[64], path[80];
};

static inline int fixture_event(void *ud, const struct event *ev)
{
	struct fixture *f = ud;

	pthread_mutex_lock(&f->mu);
	if (f->n_seen < sizeof(f->seen) - 512)
		f->n_seen += (size_t)snprintf(f->seen + f->n_seen, sizeof(f->seen) - f->n_seen,
					      "%s %s %s;", ev->ns, ev->topic, ev->type_url);
	pthread_mutex_unlock(&f->mu);
	return 0;
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	pthread_mutex_init(&f->mu, NULL);
	snprintf(f->dir, sizeof(f->dir), "/tmp/ctr-meta.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/meta.db", f->dir);
	assert_int_equal(events_new(&f->d.events), 0);
	assert_int_equal(events_subscribe(f->d.events, fixture_event, f, &f->sub), 0);
	if (store_open(f->path, f->d.events, &f->d.store, &f->err) != CTR_OK)
		fail_msg("%s", error_text(&f->err));
	call_init(&f->call, "default");
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	call_done(&f->call);
	events_unsubscribe(f->d.events, f->sub);
	store_close(f->d.store);
	events_free(f->d.events);
	error_done(&f->err);
	path_remove_tree(AT_FDCWD, f->dir);
	pthread_mutex_destroy(&f->mu);
	free(f);
	return 0;
}

#define assert_ok(call_)                                                                           \
	do {                                                                                       \
		ctr_code code_ = (call_);                                                          \
		if (code_ != CTR_OK)                                                               \
			fail_msg("%s: code %d: %s", #call_, (int)code_, error_text(&f->err));      \
	} while (0)

#define assert_fails(call_, want_, text_)                                                          \
	do {                                                                                       \
		assert_int_equal((call_), (want_));                                                \
		assert_string_equal(error_text(&f->err), (text_));                                 \
	} while (0)

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#endif
