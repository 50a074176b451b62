/* SPDX-License-Identifier: Apache-2.0
 *
 * What keeps what alive, rule by rule; what removal tells, in which order; pins and the grace of
 * unleased calls.
 */
#include "world.h"

#include <errno.h>
#include <stdatomic.h>

#define L(...)                                                                                     \
	{                                                                                          \
		(const struct ctr_label[]){ __VA_ARGS__ },                                         \
			sizeof((const struct ctr_label[]){ __VA_ARGS__ }) /                        \
				sizeof(struct ctr_label)                                           \
	}

static void make_image(struct world *w, const char *name, const char *digest,
		       struct ctr_labels labels)
{
	struct fixture *f = w->f;
	struct ctr_image image = {
		.size = sizeof(image),
		.name = name,
		.target = { .size = sizeof(image.target),
			    .media_type = "m",
			    .digest = digest,
			    .length_bytes = 1 },
		.labels = labels,
	};

	assert_ok(image_create(&f->d, &f->call, &image, 0, NULL, NULL, &f->err));
}

static void make_lease(struct world *w, const char *id, struct ctr_labels labels)
{
	struct fixture *f = w->f;
	struct ctr_lease lease = { .size = sizeof(lease), .id = id, .labels = labels };

	assert_ok(lease_create(&f->d, &f->call, &lease, NULL, NULL, &f->err));
}

static void hold(struct world *w, const char *id, const char *type, const char *key)
{
	struct fixture *f = w->f;
	struct ctr_lease_resource r = { .size = sizeof(r), .type = type, .id = key };

	assert_ok(lease_add_resource(&f->d, &f->call, id, &r, &f->err));
}

static void test_an_image_keeps_its_target_and_what_hangs_on_it(void **state)
{
	struct world *w = *state;
	struct fixture *f = w->f;

	make(w, (struct thing){ .kind = META_CONTENT,
				.key = "sha256:cfg",
				.labels = L({ "containerd.io/gc.ref.snapshot.s", "top" }) });
	make(w, (struct thing){
			.kind = META_CONTENT,
			.key = DIGEST_A,
			.labels = L({ "containerd.io/gc.ref.content.config", "sha256:cfg" }) });
	make(w, (struct thing){ .kind = META_SNAPSHOT, .key = "base" });
	make(w, (struct thing){ .kind = META_SNAPSHOT, .key = "top", .parent = "base" });
	make(w, (struct thing){ .kind = META_CONTENT, .key = "sha256:loose" });
	make_image(w, "i", DIGEST_A, (struct ctr_labels){ 0 });
	collect(w);
	assert_string_equal(w->log, "content sha256:loose;");
	assert_ok(image_remove(&f->d, &f->call, "i", NULL, 1, &f->err));
	assert_non_null(strstr(w->log, "snapshot b-top;snapshot b-base;"));
	assert_int_equal(count(w, "SELECT count(*) FROM node WHERE live = 1"), 0);
	assert_int_equal(count(w, "SELECT count(*) FROM node"), 0);
	assert_int_equal(count(w, "SELECT count(*) FROM edge"), 0);
	assert_non_null(
		strstr(f->seen, "default /snapshot/remove containerd.events.SnapshotRemove;"));
	assert_null(strstr(f->seen, "/content/delete"));
}

static void test_roots_by_label_and_by_kind(void **state)
{
	struct world *w = *state;
	static const struct ctr_container box = {
		.size = sizeof(box),
		.id = "c",
		.image = "",
		.runtime = "r",
		.snapshotter = "s",
		.snapshot_key = "rw",
		.sandbox = "",
		.spec = { .type_url = "t" },
	};
	struct fixture *f = w->f;

	make(w, (struct thing){ .kind = META_CONTENT,
				.key = "sha256:rooted",
				.labels = L({ "containerd.io/gc.root", "any" }) });
	make(w, (struct thing){ .kind = META_SNAPSHOT, .key = "rw" });
	make(w, (struct thing){ .kind = META_INGEST, .key = "going", .expires_ns = INT64_MAX });
	make(w, (struct thing){ .kind = META_INGEST, .key = "stale", .expires_ns = 1 });
	assert_ok(container_create(&f->d, &f->call, &box, NULL, NULL, &f->err));
	collect(w);
	assert_string_equal(w->log, "ingest stale;");
	assert_ok(container_remove(&f->d, &f->call, "c", &f->err));
	collect(w);
	assert_string_equal(w->log, "snapshot b-rw;");
}

static void test_leases_hold_until_they_expire(void **state)
{
	struct world *w = *state;
	struct fixture *f = w->f;

	make(w, (struct thing){ .kind = META_CONTENT, .key = DIGEST_A });
	make(w, (struct thing){ .kind = META_CONTENT, .key = DIGEST_B });
	make_lease(w, "good",
		   (struct ctr_labels)L({ "containerd.io/gc.expire", "2099-01-01T00:00:00Z" }));
	make_lease(w, "over",
		   (struct ctr_labels)L({ "containerd.io/gc.expire", "2001-01-01T00:00:00Z" }));
	make_lease(w, "odd", (struct ctr_labels)L({ "containerd.io/gc.expire", "tomorrow" }));
	hold(w, "good", "content", DIGEST_A);
	hold(w, "over", "content", DIGEST_B);
	collect(w);
	assert_string_equal(w->log, "content " DIGEST_B ";");
	assert_int_equal(count(w, "SELECT count(*) FROM lease"), 2);
	assert_ok(lease_remove(&f->d, &f->call, "good", 1, &f->err));
	assert_non_null(strstr(w->log, "content " DIGEST_A ";"));
}

static void test_a_flat_lease_follows_records_not_labels(void **state)
{
	struct world *w = *state;

	make(w,
	     (struct thing){ .kind = META_CONTENT,
			     .key = DIGEST_A,
			     .labels = L({ "containerd.io/gc.ref.content.l.0", "sha256:child" }) });
	make(w, (struct thing){ .kind = META_CONTENT, .key = "sha256:child" });
	make(w, (struct thing){ .kind = META_SNAPSHOT, .key = "base" });
	make(w, (struct thing){ .kind = META_SNAPSHOT, .key = "top", .parent = "base" });
	make_lease(w, "flat",
		   (struct ctr_labels)L({ "containerd.io/gc.flat", ""
								   "y" }));
	hold(w, "flat", "content", DIGEST_A);
	hold(w, "flat", "snapshots/s", "top");
	collect(w);
	assert_string_equal(w->log, "content sha256:child;");
	assert_int_equal(count(w, "SELECT count(*) FROM snapshot"), 2);
}

static void test_back_references(void **state)
{
	struct world *w = *state;
	struct fixture *f = w->f;

	make(w, (struct thing){ .kind = META_CONTENT, .key = DIGEST_A });
	make(w, (struct thing){ .kind = META_CONTENT,
				.key = "sha256:sig",
				.labels = L({ "containerd.io/gc.bref.content.x", DIGEST_A }) });
	make(w, (struct thing){ .kind = META_SNAPSHOT,
				.key = "side",
				.labels = L({ "containerd.io/gc.bref.image", "i" }) });
	make_image(w, "i", DIGEST_A, (struct ctr_labels){ 0 });
	collect(w);
	assert_string_equal(w->log, "");
	assert_ok(image_remove(&f->d, &f->call, "i", NULL, 1, &f->err));
	assert_int_equal(count(w, "SELECT count(*) FROM node"), 0);
}

static void test_a_circle_goes_as_a_whole(void **state)
{
	struct world *w = *state;

	make(w, (struct thing){ .kind = META_CONTENT,
				.key = "sha256:a",
				.labels = L({ "containerd.io/gc.ref.content", "sha256:b" }) });
	make(w, (struct thing){ .kind = META_CONTENT,
				.key = "sha256:b",
				.labels = L({ "containerd.io/gc.ref.content", "sha256:a" }) });
	collect(w);
	assert_int_equal(count(w, "SELECT count(*) FROM content"), 0);
}

static void test_expired_images_go_with_an_event(void **state)
{
	struct world *w = *state;

	make(w, (struct thing){ .kind = META_CONTENT, .key = DIGEST_A });
	make_image(w, "old", DIGEST_A,
		   (struct ctr_labels)L({ "containerd.io/gc.expire", "2001-01-01T00:00:00Z" }));
	collect(w);
	assert_string_equal(w->log, "content " DIGEST_A ";");
	assert_non_null(strstr(
		w->f->seen, "default /images/delete containerd.services.images.v1.ImageDelete;"));
}

static void test_what_an_unleased_call_made_has_a_grace(void **state)
{
	struct world *w = *state;

	make(w, (struct thing){ .kind = META_CONTENT, .key = "sha256:child" });
	make(w, (struct thing){ .kind = META_CONTENT,
				.key = "sha256:new",
				.lease = "",
				.labels = L({ "containerd.io/gc.ref.content", "sha256:child" }) });
	collect(w);
	assert_string_equal(w->log, "");
	assert_int_equal(count(w, "SELECT count(*) FROM content"), 2);
}

static ctr_code second_namespace(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct ctr_call other;
	struct thing t = { .kind = META_CONTENT, .key = DIGEST_A, .lease = "x", .call = &other };

	(void)ud;
	static const struct ctr_label root[] = { { "containerd.io/gc.root", "x" } };

	t.labels = (struct ctr_labels){ root, 1 };
	call_init(&other, "other");
	ctr_code code = thing_fn(txn, &t, err);

	call_done(&other);
	return code;
}

static void test_bytes_stay_while_any_namespace_or_pin_has_them(void **state)
{
	struct world *w = *state;
	struct fixture *f = w->f;

	make(w, (struct thing){ .kind = META_CONTENT, .key = DIGEST_A });
	make(w, (struct thing){ .kind = META_CONTENT, .key = DIGEST_B });
	assert_ok(store_update(f->d.store, NULL, second_namespace, NULL, &f->err));
	assert_int_equal(gc_pin(f->d.gc, DIGEST_B), 0);
	collect(w);
	assert_string_equal(w->log, "");
	assert_int_equal(count(w, "SELECT count(*) FROM content"), 1);
	make(w, (struct thing){ .kind = META_CONTENT, .key = DIGEST_B });
	gc_unpin(f->d.gc, DIGEST_B);
	collect(w);
	assert_string_equal(w->log, "content " DIGEST_B ";");
	assert_null(f->d.gc->pins);
}

/* ---- a reference made between mark and sweep ---- */

static void test_a_reference_made_after_the_mark_keeps_the_whole_chain(void **state)
{
	struct world *w = *state;
	struct fixture *f = w->f;
	struct garbage g = { .now_ns = clock_wall_ns() };
	struct remains_list remains;
	uint64_t removed;

	make(w, (struct thing){ .kind = META_CONTENT,
				.key = DIGEST_A,
				.labels = L({ "containerd.io/gc.ref.content", DIGEST_B }) });
	make(w, (struct thing){ .kind = META_CONTENT, .key = DIGEST_B });
	make(w, (struct thing){ .kind = META_CONTENT, .key = "sha256:loose" });
	g.grace_ns = g.now_ns - GC_GRACE_NS;
	assert_ok(store_view(f->d.store, NULL, gc_mark, &g, &f->err));
	assert_int_equal(g.n, 3);
	make_image(w, "i", DIGEST_A, (struct ctr_labels){ 0 });
	remains_init(&remains);
	assert_ok(gc_sweep(f->d.gc, &g, &remains, &removed, &f->err));
	assert_int_equal(removed, 1);
	assert_string_equal(remains.first->key, "sha256:loose");
	assert_int_equal(count(w, "SELECT count(*) FROM content"), 2);
	remains_free(&remains);
	garbage_done(&g);
}

struct asker {
	struct world *w;
	atomic_int failed;
};

static void *ask(void *ud)
{
	struct asker *a = ud;

	for (int i = 0; i < 20; i++)
		if (gc_run(a->w->f->d.gc, NULL, NULL) != CTR_OK)
			atomic_fetch_add(&a->failed, 1);
	return NULL;
}

static void test_many_askers_share_runs(void **state)
{
	struct world *w = *state;
	struct asker a = { .w = w };
	pthread_t t[4];

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, ask, &a), 0);
	for (int i = 0; i < 50; i++) {
		char key[32];

		snprintf(key, sizeof(key), "sha256:%d", i);
		make(w, (struct thing){ .kind = META_CONTENT, .key = key });
	}
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	assert_int_equal(a.failed, 0);
	collect(w);
	assert_int_equal(count(w, "SELECT count(*) FROM content"), 0);
}

static void test_the_age_of_a_snapshot_is_in_its_key(void **state)
{
	int64_t ns = 0;

	(void)state;
	assert_int_equal(gc_key_time("default/1795464000000000000/some/key", &ns), 0);
	assert_int_equal(ns, INT64_C(1795464000000000000));
	assert_int_equal(gc_key_time("default/x/key", &ns), -EINVAL);
	assert_int_equal(gc_key_time("default", &ns), -EINVAL);
	assert_int_equal(gc_key_time("default//key", &ns), -EINVAL);
	assert_int_equal(gc_key_time("default/11111111111111111111111111/key", &ns), -EINVAL);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(test_an_image_keeps_its_target_and_what_hangs_on_it),
		T(test_roots_by_label_and_by_kind),
		T(test_leases_hold_until_they_expire),
		T(test_a_flat_lease_follows_records_not_labels),
		T(test_back_references),
		T(test_a_circle_goes_as_a_whole),
		T(test_expired_images_go_with_an_event),
		T(test_what_an_unleased_call_made_has_a_grace),
		T(test_bytes_stay_while_any_namespace_or_pin_has_them),
		T(test_a_reference_made_after_the_mark_keeps_the_whole_chain),
		T(test_many_askers_share_runs),
		cmocka_unit_test(test_the_age_of_a_snapshot_is_in_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
