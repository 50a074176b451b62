/* SPDX-License-Identifier: Apache-2.0
 *
 * The collector against a naive mark: random worlds of blobs, snapshots, leases and labels; what
 * survives must be what a plain reachability computation says, and children must go before their
 * parents.
 */
#include "world.h"

#define N      60 /* objects: even ones content, odd ones snapshots */
#define LEASES 6
#define ROUNDS 25

struct model {
	int edge[N][N]; /* 1: by record, 2: by label */
	int root[N];
	int held[N]; /* 1: by a lease, 2: by a flat one */
	int mark[N]; /* 2: fully, 1: flat */
	unsigned seed;
};

static unsigned next_random(struct model *m)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return m->seed >> 8;
}

static void key_of(int i, char ret[100])
{
	if (i % 2 == 0)
		snprintf(ret, 100, "sha256:%064d", i);
	else
		snprintf(ret, 100, "snap-%d", i);
}

static void make_object(struct world *w, struct model *m, int i)
{
	struct meta_labels labels = META_LABELS_INIT;
	char key[100], parent[100] = "";
	struct thing t = { .kind = i % 2 ? META_SNAPSHOT : META_CONTENT,
			   .key = key,
			   .parent = parent };

	key_of(i, key);
	for (unsigned e = next_random(m) % 4; e-- > 0;) {
		int to = (int)(next_random(m) % N);
		char name[128], value[100];

		key_of(to, value);
		if (next_random(m) % 4 == 0) { /* to keeps i */
			snprintf(name, sizeof(name),
				 to % 2 ? "containerd.io/gc.bref.snapshot.s/%u"
					: "containerd.io/gc.bref.content.%u",
				 e);
			m->edge[to][i] |= 2;
		} else {
			snprintf(name, sizeof(name),
				 to % 2 ? "containerd.io/gc.ref.snapshot.s/%u"
					: "containerd.io/gc.ref.content.%u",
				 e);
			m->edge[i][to] |= 2;
		}
		assert_int_equal(meta_labels_set(&labels, name, value), 0);
	}
	if (i % 2 && i > 2 && next_random(m) % 2) { /* a parent made before */
		int to = (int)(next_random(m) % (unsigned)(i / 2)) * 2 + 1;

		key_of(to, parent);
		m->edge[i][to] |= 1;
	}
	m->root[i] = next_random(m) % 12 == 0;
	if (m->root[i])
		assert_int_equal(meta_labels_set(&labels, "containerd.io/gc.root", "x"), 0);
	t.labels = meta_labels_view(&labels);
	make(w, t);
	meta_labels_done(&labels);
}

static void make_leases(struct world *w, struct model *m)
{
	static const struct ctr_label flat[] = { { "containerd.io/gc.flat", "x" } };
	struct fixture *f = w->f;

	for (int i = 0; i < LEASES; i++) {
		int to = (int)(next_random(m) % N), is_flat = i % 2;
		char id[16], key[100];
		struct ctr_lease lease = { .size = sizeof(lease), .id = id };
		struct ctr_lease_resource r = { .size = sizeof(r),
						.type = to % 2 ? "snapshots/s" : "content",
						.id = key };

		snprintf(id, sizeof(id), "l%d", i);
		key_of(to, key);
		if (is_flat)
			lease.labels = (struct ctr_labels){ flat, 1 };
		assert_ok(lease_create(&f->d, &f->call, &lease, NULL, NULL, &f->err));
		assert_ok(lease_add_resource(&f->d, &f->call, id, &r, &f->err));
		m->held[to] |= is_flat ? 2 : 1;
	}
}

/* By record also from what is held flat, by label only from what is held fully. */
static void mark(struct model *m, int i, int how)
{
	if (m->mark[i] >= how)
		return;
	m->mark[i] = how;
	for (int to = 0; to < N; to++) {
		if (m->edge[i][to] & 1)
			mark(m, to, how);
		if ((m->edge[i][to] & 2) && how == 2)
			mark(m, to, 2);
	}
}

struct alive {
	const char *key;
	int64_t live;
};

static ctr_code alive_fn(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct alive *a = ud;

	return txn_int(txn,
		       txn_query(txn, err, "SELECT count(*) FROM node WHERE live = 1 AND key = ?",
				 "s", a->key),
		       0, &a->live, err);
}

static void check_order(const struct world *w, const struct model *m)
{
	for (int i = 1; i < N; i += 2) {
		for (int to = 1; to < N; to += 2) {
			char child[120], parent[120];

			if (!(m->edge[i][to] & 1) || m->mark[i] || m->mark[to])
				continue;
			snprintf(child, sizeof(child), "snapshot b-snap-%d;", i);
			snprintf(parent, sizeof(parent), "snapshot b-snap-%d;", to);
			assert_true(strstr(w->log, child) < strstr(w->log, parent));
		}
	}
}

static void one_round(unsigned seed)
{
	struct model *m = calloc(1, sizeof(*m));
	void *state = NULL;

	assert_non_null(m);
	world_setup(&state);
	struct world *w = state;
	struct fixture *f = w->f;

	m->seed = seed;
	for (int i = 0; i < N; i++)
		make_object(w, m, i);
	make_leases(w, m);
	for (int i = 0; i < N; i++) {
		if (m->root[i] || (m->held[i] & 1))
			mark(m, i, 2);
		if (m->held[i] & 2)
			mark(m, i, 1);
	}
	collect(w);
	for (int i = 0; i < N; i++) {
		char key[100];
		struct alive a = { .key = key };

		key_of(i, key);
		assert_ok(store_view(f->d.store, NULL, alive_fn, &a, &f->err));
		if (a.live != (m->mark[i] > 0))
			fail_msg("seed %u: object %d is %s", seed, i, a.live ? "kept" : "gone");
	}
	check_order(w, m);
	assert_int_equal(count(w, "SELECT count(*) FROM edge e WHERE NOT EXISTS(SELECT 1 FROM node "
				  "WHERE id = e.src)"),
			 0);
	assert_int_equal(count(w, "SELECT count(*) FROM edge e WHERE NOT EXISTS(SELECT 1 FROM node "
				  "WHERE id = e.dst)"),
			 0);
	collect(w);
	assert_string_equal(w->log, "");
	world_teardown(&state);
	free(m);
}

static void test_what_survives_is_what_is_reachable(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= ROUNDS; seed++)
		one_round(seed * 7919);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_survives_is_what_is_reachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
