/* SPDX-License-Identifier: Apache-2.0
 *
 * A store in a folder of its own below /tmp, removed at the end.
 */
#ifndef CTR_TEST_STORE_FIXTURE_H
#define CTR_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "core/events/events.h"
#include "core/store/store.h"
#include "status/status.h"

struct fixture {
	char dir[64], path[80];
	struct events *events;
	struct store *store;
};

static inline void fixture_open(struct fixture *f)
{
	AUTO_ERROR err = ERROR_INIT;

	if (store_open(f->path, f->events, &f->store, &err) != CTR_OK)
		fail_msg("%s", error_text(&err));
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/ctr-store.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/meta.db", f->dir);
	assert_int_equal(events_new(&f->events), 0);
	fixture_open(f);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	events_free(f->events);
	path_remove_tree(AT_FDCWD, f->dir);
	free(f);
	return 0;
}

#define assert_ok(call_, err_)                                                                     \
	do {                                                                                       \
		ctr_code code_ = (call_);                                                          \
		if (code_ != CTR_OK)                                                               \
			fail_msg("%s: code %d: %s", #call_, (int)code_, error_text(err_));         \
	} while (0)

#endif
