/* SPDX-License-Identifier: Apache-2.0
 *
 * "ctr.snapgraph.v1": the rules of containerd's snapshots over rows, and numbers that are never
 * given out twice.
 */
#include "plugin.h"

struct ctx {
	struct plugins p;
	const struct ctr_host *h;
	struct ctr_error err;
};

struct seen {
	char text[1024];
	size_t n;
};

static ctr_code see(void *ud, const struct ctr_graph_node *node)
{
	struct seen *s = ud;

	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s(%u<%s", node->key,
				 node->kind, node->parent);
	for (uint64_t i = 0; i < node->n_chain; i++)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, " %d",
					 (int)node->chain[i]);
	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, ")");
	return CTR_OK;
}

static ctr_code create(struct ctx *c, uint32_t kind, const char *key, const char *parent,
		       uint64_t *ret_id)
{
	struct ctr_snapshot_new args = { .size = sizeof(args), .key = key, .parent = parent };
	uint64_t id = 0;

	assert_int_equal(snapgraph_ops.reserve(c->h, &id, &c->err), CTR_OK);
	if (ret_id)
		*ret_id = id;
	return snapgraph_ops.create(c->h, NULL, id, kind, &args, NULL, NULL, &c->err);
}

static ctr_code commit(struct ctx *c, const char *name, const char *key, const char *parent)
{
	struct ctr_snapshot_commit args = {
		.size = sizeof(args), .name = name, .key = key, .parent = parent
	};
	struct ctr_usage usage = { .size = sizeof(usage), .inodes = 3, .bytes = 4096 };

	return snapgraph_ops.commit(c->h, NULL, &args, &usage, &c->err);
}

static void ctx_init(struct ctx *c, struct fixture *f)
{
	*c = (struct ctx){ .err = ERROR_INIT };
	plugins_init(&c->p, f);
	c->h = &c->p.a.host;
}

#define assert_fails(call_, want_, text_)                                                          \
	do {                                                                                       \
		assert_int_equal((call_), (want_));                                                \
		assert_string_equal(error_text(&c.err), (text_));                                  \
	} while (0)

static void test_layers_chain_up(void **state)
{
	struct ctx c;
	struct seen got = { .n = 0 }, walked = { .n = 0 };
	uint64_t a, b, top;

	ctx_init(&c, *state);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "k1", "", &a), &c.err);
	assert_ok(commit(&c, "l1", "k1", ""), &c.err);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "k2", "l1", &b), &c.err);
	assert_ok(commit(&c, "l2", "k2", ""), &c.err);
	assert_ok(create(&c, CTR_SNAPSHOT_VIEW, "v", "l2", &top), &c.err);
	assert_true(a < b && b < top);
	assert_ok(snapgraph_ops.get(c.h, NULL, "v", see, &got, &c.err), &c.err);
	char want[64];

	snprintf(want, sizeof(want), "v(1<l2 %d %d)", (int)b, (int)a);
	assert_string_equal(got.text, want);
	assert_ok(snapgraph_ops.walk(c.h, NULL, see, &walked, &c.err), &c.err);
	assert_string_equal(walked.text, "l1(3<)l2(3<l1)v(1<l2)");
	error_done(&c.err);
}

static void test_what_is_refused_and_how(void **state)
{
	struct ctx c;
	uint64_t id;
	struct ctr_snapshot_new args = { .size = sizeof(args), .key = "z", .parent = "" };

	ctx_init(&c, *state);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "k", "", &id), &c.err);
	assert_fails(create(&c, CTR_SNAPSHOT_ACTIVE, "k", "", NULL), CTR_ALREADY_EXISTS,
		     "snapshot k");
	assert_fails(create(&c, CTR_SNAPSHOT_ACTIVE, "n", "none", NULL), CTR_NOT_FOUND,
		     "parent snapshot none does not exist");
	assert_fails(create(&c, CTR_SNAPSHOT_ACTIVE, "n", "k", NULL), CTR_INVALID_ARGUMENT,
		     "parent \"k\" is not committed snapshot");
	assert_fails(create(&c, CTR_SNAPSHOT_COMMITTED, "n", "", NULL), CTR_INVALID_ARGUMENT,
		     "snapshot n cannot begin as kind 3");
	assert_int_equal(snapgraph_ops.create(c.h, NULL, 999999, CTR_SNAPSHOT_ACTIVE, &args, NULL,
					      NULL, &c.err),
			 CTR_INVALID_ARGUMENT);
	assert_fails(commit(&c, "l", "none", ""), CTR_NOT_FOUND, "snapshot none does not exist");
	assert_ok(commit(&c, "l", "k", ""), &c.err);
	assert_fails(commit(&c, "m", "l", ""), CTR_FAILED_PRECONDITION, "snapshot l is not active");
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "k", "l", NULL), &c.err);
	assert_fails(commit(&c, "l", "k", ""), CTR_ALREADY_EXISTS, "committed snapshot l");
	assert_fails(snapgraph_ops.remove(c.h, NULL, "l", &id, &c.err), CTR_FAILED_PRECONDITION,
		     "cannot remove snapshot with child");
	assert_ok(snapgraph_ops.remove(c.h, NULL, "k", &id, &c.err), &c.err);
	assert_ok(snapgraph_ops.remove(c.h, NULL, "l", &id, &c.err), &c.err);
	assert_fails(snapgraph_ops.remove(c.h, NULL, "l", &id, &c.err), CTR_NOT_FOUND,
		     "snapshot l does not exist");
	error_done(&c.err);
}

static void test_a_parent_may_come_at_commit(void **state)
{
	struct ctx c;
	struct seen got = { .n = 0 };
	uint64_t base;

	ctx_init(&c, *state);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "a", "", &base), &c.err);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "b", "", NULL), &c.err);
	assert_fails(commit(&c, "lb", "b", "a"), CTR_INVALID_ARGUMENT,
		     "parent \"a\" is not committed snapshot");
	assert_ok(commit(&c, "la", "a", ""), &c.err);
	assert_ok(commit(&c, "lb", "b", "la"), &c.err);
	assert_ok(snapgraph_ops.get(c.h, NULL, "lb", see, &got, &c.err), &c.err);
	char want[64];

	snprintf(want, sizeof(want), "lb(3<la %d)", (int)base);
	assert_string_equal(got.text, want);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "c", "lb", NULL), &c.err);
	assert_fails(commit(&c, "lc", "c", "la"), CTR_FAILED_PRECONDITION,
		     "snapshot c has parent lb, not la");
	error_done(&c.err);
}

static void test_snapshotters_do_not_see_each_other(void **state)
{
	struct ctx c;
	struct seen none = { .n = 0 };

	ctx_init(&c, *state);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "k", "", NULL), &c.err);
	c.h = &c.p.b.host;
	assert_int_equal(snapgraph_ops.get(c.h, NULL, "k", see, &none, &c.err), CTR_NOT_FOUND);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "k", "", NULL), &c.err);
	error_done(&c.err);
}

static void test_numbers_are_never_given_out_twice(void **state)
{
	struct fixture *f = *state;
	struct ctx c;
	uint64_t id, before = 0;
	int32_t has = 0;

	ctx_init(&c, f);
	for (int i = 0; i < 200; i++) {
		assert_ok(snapgraph_ops.reserve(c.h, &id, &c.err), &c.err);
		assert_true(id > before);
		before = id;
	}
	assert_ok(snapgraph_ops.has(c.h, id, &has, &c.err), &c.err);
	assert_int_equal(has, 1);
	store_close(f->store);
	fixture_open(f);
	ctx_init(&c, f);
	assert_ok(snapgraph_ops.has(c.h, id, &has, &c.err), &c.err);
	assert_int_equal(has, 0);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "k", "", &id), &c.err);
	assert_true(id > before);
	assert_ok(snapgraph_ops.has(c.h, id, &has, &c.err), &c.err);
	assert_int_equal(has, 1);
	assert_ok(snapgraph_ops.remove(c.h, NULL, "k", &id, &c.err), &c.err);
	assert_ok(snapgraph_ops.has(c.h, id, &has, &c.err), &c.err);
	assert_int_equal(has, 0);
	for (int i = 0; i < 200; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%d", i);
		assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, key, "", NULL), &c.err);
	}
	error_done(&c.err);
}

static void test_labels_replace_labels(void **state)
{
	static const struct ctr_label one[] = { { "a", "1" } };
	struct ctx c;

	ctx_init(&c, *state);
	assert_ok(create(&c, CTR_SNAPSHOT_ACTIVE, "k", "", NULL), &c.err);
	assert_ok(snapgraph_ops.update(c.h, NULL, "k", (struct ctr_labels){ one, 1 }, &c.err),
		  &c.err);
	assert_fails(snapgraph_ops.update(c.h, NULL, "no", (struct ctr_labels){ one, 1 }, &c.err),
		     CTR_NOT_FOUND, "snapshot no does not exist");
	error_done(&c.err);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_layers_chain_up),
		T(test_what_is_refused_and_how),
		T(test_a_parent_may_come_at_commit),
		T(test_snapshotters_do_not_see_each_other),
		T(test_numbers_are_never_given_out_twice),
		T(test_labels_replace_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
