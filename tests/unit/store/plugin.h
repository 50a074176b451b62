/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins as the store's services see them: a host table that belongs to a daemon and has a name.
 */
#ifndef CTR_TEST_STORE_PLUGIN_H
#define CTR_TEST_STORE_PLUGIN_H

#include "fixture.h"

#include "core/registry/internal.h"
#include "core/store/service.h"

struct plugins {
	struct daemon d;
	struct registry r;
	struct entry a, b;
	char uri_a[8], uri_b[8];
};

static inline void plugins_init(struct plugins *p, struct fixture *f)
{
	*p = (struct plugins){ .uri_a = "k.a", .uri_b = "k.b" };
	p->d.store = f->store;
	p->d.events = f->events;
	p->r.daemon = &p->d;
	p->a.registry = p->b.registry = &p->r;
	p->a.uri = p->uri_a;
	p->b.uri = p->uri_b;
}

#endif
