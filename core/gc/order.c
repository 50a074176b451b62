/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of removal: what refers before what is referred to, and what refers to each other in a
 * circle as one group (Tarjan's strongly connected components, without recursion). So a recheck of
 * one group needs to look at its inbound edges alone: whoever still refers to it is alive.
 */
#include <string.h>

#include "core/gc/internal.h"

struct vertex {
	uint32_t index, low; /* index 0: not visited */
	uint32_t next;       /* edge to look at */
	uint8_t on_stack;
};

struct tarjan {
	const int64_t *ids;
	size_t n;
	struct vertex *v;
	uint32_t
		*edge_start; /* vertex i has edges[edge_start[i]] .. edges[edge_start[i + 1] - 1] */
	uint32_t *edges;
	size_t n_edges, room;
	uint32_t *stack, *path; /* of components, and of the walk */
	size_t n_stack, n_path;
	uint32_t counter;
	uint32_t *out; /* vertices by component, referred first */
	size_t *out_end;
	size_t n_out, n_components;
};

static void tarjan_done(struct tarjan *t)
{
	free(t->v);
	free(t->edge_start);
	free(t->edges);
	free(t->stack);
	free(t->path);
	free(t->out);
	free(t->out_end);
}

static int find(const int64_t *ids, size_t n, int64_t id, uint32_t *ret)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	*ret = (uint32_t)low;
	return low < n && ids[low] == id;
}

static int add_edge(struct tarjan *t, uint32_t to)
{
	if (t->n_edges == t->room) {
		size_t room = t->room ? 2 * t->room : 1024;
		uint32_t *grown = reallocarray(t->edges, room, sizeof(*grown));

		if (!grown)
			return -1;
		t->edges = grown;
		t->room = room;
	}
	t->edges[t->n_edges++] = to;
	return 0;
}

static ctr_code load_edges(struct ctr_txn *txn, struct tarjan *t, struct ctr_error *err)
{
	for (size_t i = 0; i < t->n; i++) {
		sqlite3_stmt *st =
			txn_query(txn, err, "SELECT dst FROM edge WHERE src = ?", "i", t->ids[i]);
		uint32_t to;
		int r = -1;

		t->edge_start[i] = (uint32_t)t->n_edges;
		while (st && (r = txn_row(txn, st, err)) > 0)
			if (find(t->ids, t->n, sqlite3_column_int64(st, 0), &to) &&
			    add_edge(t, to) < 0)
				return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
		if (r < 0)
			return txn_code(err);
	}
	t->edge_start[t->n] = (uint32_t)t->n_edges;
	return CTR_OK;
}

static void visit(struct tarjan *t, uint32_t v)
{
	t->v[v] = (struct vertex){
		.index = ++t->counter, .low = t->counter, .next = t->edge_start[v], .on_stack = 1
	};
	t->stack[t->n_stack++] = v;
	t->path[t->n_path++] = v;
}

/* v's edges are done: close its component if it is the root of one, and go back. */
static void leave(struct tarjan *t, uint32_t v)
{
	t->n_path--;
	if (t->n_path) {
		struct vertex *parent = &t->v[t->path[t->n_path - 1]];

		parent->low = MIN(parent->low, t->v[v].low);
	}
	if (t->v[v].low != t->v[v].index)
		return;
	for (uint32_t w = UINT32_MAX; w != v;) {
		w = t->stack[--t->n_stack];
		t->v[w].on_stack = 0;
		t->out[t->n_out++] = w;
	}
	t->out_end[t->n_components++] = t->n_out;
}

static void walk_from(struct tarjan *t, uint32_t start)
{
	visit(t, start);
	while (t->n_path) {
		uint32_t v = t->path[t->n_path - 1];

		if (t->v[v].next == t->edge_start[v + 1]) {
			leave(t, v);
			continue;
		}
		uint32_t w = t->edges[t->v[v].next++];

		if (!t->v[w].index)
			visit(t, w);
		else if (t->v[w].on_stack)
			t->v[v].low = MIN(t->v[v].low, t->v[w].index);
	}
}

/* Components came out referred first; g wants them the other way. */
static void hand_over(const struct tarjan *t, int64_t *ids, struct garbage *g)
{
	size_t at = 0;

	for (size_t i = t->n_components; i-- > 0;) {
		for (size_t j = i ? t->out_end[i - 1] : 0; j < t->out_end[i]; j++)
			ids[at++] = g->ids[t->out[j]];
		g->group_end[g->n_groups++] = at;
	}
}

ctr_code gc_order(struct ctr_txn *txn, struct garbage *g, struct ctr_error *err)
{
	AUTO(tarjan_done) struct tarjan t = { .ids = g->ids, .n = g->n };

	if (g->n == 0)
		return CTR_OK;
	if (g->n >= UINT32_MAX)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "too much garbage");
	AUTO_FREE int64_t *ids = calloc(g->n, sizeof(*ids));

	t.v = calloc(g->n, sizeof(*t.v));
	t.edge_start = calloc(g->n + 1, sizeof(*t.edge_start));
	t.stack = calloc(g->n, sizeof(*t.stack));
	t.path = calloc(g->n, sizeof(*t.path));
	t.out = calloc(g->n, sizeof(*t.out));
	t.out_end = calloc(g->n, sizeof(*t.out_end));
	g->group_end = calloc(g->n, sizeof(*g->group_end));
	if (!ids || !t.v || !t.edge_start || !t.stack || !t.path || !t.out || !t.out_end ||
	    !g->group_end)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	ctr_code code = load_edges(txn, &t, err);

	if (code != CTR_OK)
		return code;
	for (uint32_t v = 0; v < g->n; v++)
		if (!t.v[v].index)
			walk_from(&t, v);
	hand_over(&t, ids, g);
	g->sorted = g->ids;
	g->ids = take_ptr(&ids);
	return CTR_OK;
}
