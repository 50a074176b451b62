/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers: what goes in comes out byte for byte, what may change, what is refused and with which
 * words.
 */
#include "fixture.h"

#include "core/meta/clone.h"

static const char spec[] = { '{', 0, (char)0xff, '}' };
static const struct ctr_label labels[] = { { "x", "1" }, { "empty", "" }, { "a.b/c", "2" } };
static const struct ctr_extension extensions[] = {
	{ "z", { .type_url = "t/z", .value = "zz", .n = 2 } },
	{ "a.b/c", { .type_url = "", .value = spec, .n = sizeof(spec) } },
	{ "m", { .type_url = "t/m", .value = NULL, .n = 0 } },
};

static const struct ctr_container box = {
	.size = sizeof(box),
	.id = "c1",
	.image = "docker.io/library/alpine:latest",
	.runtime = "io.containerd.runc.v2",
	.options = { .type_url = "containerd.runc.v1.Options", .value = spec, .n = sizeof(spec) },
	.snapshotter = "overlayfs",
	.snapshot_key = "c1",
	.sandbox = "",
	.spec = { .type_url = "types.containerd.io/opencontainers/runtime-spec/1/Spec",
		  .value = spec,
		  .n = 4 },
	.labels = { labels, ARRAY_SIZE(labels) },
	.extensions = extensions,
	.n_extensions = ARRAY_SIZE(extensions),
};

static void check_box(const struct ctr_container *c)
{
	assert_string_equal(c->id, box.id);
	assert_string_equal(c->image, box.image);
	assert_string_equal(c->runtime, box.runtime);
	assert_string_equal(c->options.type_url, box.options.type_url);
	assert_memory_equal(c->options.value, spec, sizeof(spec));
	assert_int_equal(c->spec.n, 4);
	assert_memory_equal(c->spec.value, spec, 4);
	assert_string_equal(c->snapshotter, "overlayfs");
	assert_int_equal(c->labels.n, 2);
	assert_string_equal(c->labels.items[0].key, "a.b/c");
	assert_int_equal(c->n_extensions, 3);
	assert_string_equal(c->extensions[0].key, "a.b/c");
	assert_string_equal(c->extensions[0].value.type_url, "");
	assert_memory_equal(c->extensions[0].value.value, spec, sizeof(spec));
	assert_int_equal(c->extensions[1].value.n, 0);
	assert_memory_equal(c->extensions[2].value.value, "zz", 2);
	assert_true(c->created_ns > 0);
}

static void test_a_record_comes_back_byte_for_byte(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE struct ctr_container *created = NULL, *got = NULL;

	assert_ok(container_create(&f->d, &f->call, &box, container_keep, &created, &f->err));
	check_box(created);
	assert_ok(container_get(&f->d, &f->call, "c1", container_keep, &got, &f->err));
	check_box(got);
	assert_int_equal(got->created_ns, got->updated_ns);
	assert_string_equal(f->seen,
			    "default /containers/create containerd.events.ContainerCreate;");
}

static void test_what_is_refused_and_how(void **state)
{
	struct fixture *f = *state;
	static const struct ctr_extension no_key[] = { { "", { .type_url = "t" } } };
	struct ctr_container c = box;

	c.id = "a b";
	assert_fails(container_create(&f->d, &f->call, &c, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT,
		     "container.ID: identifier \"a b\" must match "
		     "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$");
	c = box;
	c.runtime = "";
	assert_fails(container_create(&f->d, &f->call, &c, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT, "container.Runtime.Name must be set");
	c = box;
	c.spec.type_url = NULL;
	assert_fails(container_create(&f->d, &f->call, &c, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT, "container.Spec must be set");
	c = box;
	c.snapshotter = "";
	assert_fails(container_create(&f->d, &f->call, &c, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT,
		     "container.Snapshotter must be set if container.SnapshotKey is set");
	c = box;
	c.extensions = no_key;
	c.n_extensions = 1;
	assert_fails(container_create(&f->d, &f->call, &c, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT, "container.Extension keys must not be zero-length");
	assert_ok(container_create(&f->d, &f->call, &box, NULL, NULL, &f->err));
	assert_fails(container_create(&f->d, &f->call, &box, NULL, NULL, &f->err),
		     CTR_ALREADY_EXISTS, "container \"c1\"");
}

static void test_a_call_needs_a_good_namespace(void **state)
{
	struct fixture *f = *state;
	struct ctr_call none, bad;

	call_init(&none, NULL);
	call_init(&bad, "a/b");
	assert_fails(container_create(&f->d, &none, &box, NULL, NULL, &f->err),
		     CTR_FAILED_PRECONDITION, "namespace is required");
	assert_fails(container_create(&f->d, &bad, &box, NULL, NULL, &f->err), CTR_INVALID_ARGUMENT,
		     "namespace validation: identifier \"a/b\" must match "
		     "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$");
	call_done(&none);
	call_done(&bad);
}

static void test_missing_ones(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE struct ctr_container *got = NULL;

	assert_fails(container_get(&f->d, &f->call, "no", container_keep, &got, &f->err),
		     CTR_NOT_FOUND, "container \"no\" in namespace \"default\"");
	assert_fails(container_remove(&f->d, &f->call, "no", &f->err), CTR_NOT_FOUND,
		     "cannot delete container \"no\" in namespace \"default\"");
	assert_ok(container_create(&f->d, &f->call, &box, NULL, NULL, &f->err));
	assert_fails(container_get(&f->d, &f->call, "no", container_keep, &got, &f->err),
		     CTR_NOT_FOUND, "container \"no\" in namespace \"default\"");
	assert_ok(container_remove(&f->d, &f->call, "c1", &f->err));
	assert_int_equal(container_remove(&f->d, &f->call, "c1", &f->err), CTR_NOT_FOUND);
	assert_ok(container_create(&f->d, &f->call, &box, NULL, NULL, &f->err));
}

static ctr_code count(void *ud, const struct ctr_container *c)
{
	size_t *n = ud;

	(void)c;
	(*n)++;
	return CTR_OK;
}

struct list_case {
	const char *filter;
	size_t want;
};

static void test_lists_follow_filters(void **state)
{
	static const struct list_case cases[] = {
		{ "", 3 },
		{ "id==c2", 1 },
		{ "id~=^c", 3 },
		{ "runtime.name==io.containerd.runc.v2", 3 },
		{ "image~=alpine,labels.x==1", 3 },
		{ "labels.\"a.b/c\"==3", 0 },
		{ "spec", 0 },
	};
	struct fixture *f = *state;
	struct ctr_container c = box;

	for (int i = 1; i <= 3; i++) {
		char id[8];

		snprintf(id, sizeof(id), "c%d", i);
		c.id = id;
		assert_ok(container_create(&f->d, &f->call, &c, NULL, NULL, &f->err));
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = 0;

		assert_ok(container_list(&f->d, &f->call,
					 (struct ctr_filters){ &cases[i].filter, 1 }, count, &n,
					 &f->err));
		assert_int_equal(n, cases[i].want);
	}
}

static void test_an_update_without_a_mask_replaces_what_may_change(void **state)
{
	struct fixture *f = *state;
	struct ctr_container c = box;
	AUTO_FREE struct ctr_container *got = NULL;

	assert_ok(container_create(&f->d, &f->call, &box, NULL, NULL, &f->err));
	c.snapshotter = "native";
	assert_fails(
		container_update(&f->d, &f->call, &c, (struct ctr_mask){ 0 }, NULL, NULL, &f->err),
		CTR_INVALID_ARGUMENT, "container.Snapshotter field is immutable");
	c = box;
	c.runtime = "other";
	assert_fails(
		container_update(&f->d, &f->call, &c, (struct ctr_mask){ 0 }, NULL, NULL, &f->err),
		CTR_INVALID_ARGUMENT, "container.Runtime.Name field is immutable");
	c = box;
	c.labels.n = 1;
	c.n_extensions = 0;
	c.image = "new";
	c.snapshot_key = "k2";
	assert_ok(container_update(&f->d, &f->call, &c, (struct ctr_mask){ 0 }, container_keep,
				   &got, &f->err));
	assert_int_equal(got->labels.n, 1);
	assert_int_equal(got->n_extensions, 0);
	assert_string_equal(got->image, "new");
	assert_string_equal(got->snapshot_key, "k2");
	assert_string_equal(got->options.type_url, box.options.type_url);
	assert_true(got->updated_ns > got->created_ns);
	assert_non_null(
		strstr(f->seen, "default /containers/update containerd.events.ContainerUpdate;"));
}

static void test_an_update_with_a_mask_touches_only_that(void **state)
{
	struct fixture *f = *state;
	static const char *const paths[] = { "labels.a.b/c", "extensions.z", "extensions.m",
					     "spec" };
	static const char *const bad[] = { "runtime" };
	static const struct ctr_label new_labels[] = { { "a.b/c", "9" }, { "not", "me" } };
	static const struct ctr_extension new_extensions[] = {
		{ "z", { .type_url = "t/new", .value = "n", .n = 1 } }
	};
	struct ctr_container c = { .size = sizeof(c), .id = "c1" };
	AUTO_FREE struct ctr_container *got = NULL;

	c.image = c.runtime = c.snapshotter = c.snapshot_key = c.sandbox = "";
	c.spec = (struct ctr_any){ .type_url = "s", .value = "new", .n = 3 };
	c.labels = (struct ctr_labels){ new_labels, 2 };
	c.extensions = new_extensions;
	c.n_extensions = 1;
	assert_ok(container_create(&f->d, &f->call, &box, NULL, NULL, &f->err));
	assert_ok(container_update(&f->d, &f->call, &c, (struct ctr_mask){ paths, 4 },
				   container_keep, &got, &f->err));
	assert_int_equal(got->labels.n, 2);
	assert_string_equal(got->labels.items[0].value, "9");
	assert_int_equal(got->n_extensions, 2);
	assert_string_equal(got->extensions[1].value.type_url, "t/new");
	assert_memory_equal(got->spec.value, "new", 3);
	assert_string_equal(got->image, box.image);
	assert_fails(container_update(&f->d, &f->call, &c, (struct ctr_mask){ bad, 1 }, NULL, NULL,
				      &f->err),
		     CTR_INVALID_ARGUMENT, "cannot update \"runtime\" field on \"c1\"");
	c.id = "none";
	assert_int_equal(container_update(&f->d, &f->call, &c, (struct ctr_mask){ paths, 1 }, NULL,
					  NULL, &f->err),
			 CTR_NOT_FOUND);
	c.id = "";
	assert_fails(container_update(&f->d, &f->call, &c, (struct ctr_mask){ paths, 1 }, NULL,
				      NULL, &f->err),
		     CTR_INVALID_ARGUMENT, "must specify a container id");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_record_comes_back_byte_for_byte),
		T(test_what_is_refused_and_how),
		T(test_a_call_needs_a_good_namespace),
		T(test_missing_ones),
		T(test_lists_follow_filters),
		T(test_an_update_without_a_mask_replaces_what_may_change),
		T(test_an_update_with_a_mask_touches_only_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
