/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces: labels, masks, events, and a removal that is refused while anything is inside.
 */
#include "fixture.h"

struct seen_ns {
	char text[512];
	size_t n;
};

static ctr_code keep(void *ud, const struct ctr_namespace *ns)
{
	struct seen_ns *s = ud;

	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s{", ns->name);
	for (uint64_t i = 0; i < ns->labels.n; i++)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s=%s,",
					 ns->labels.items[i].key, ns->labels.items[i].value);
	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "}");
	return CTR_OK;
}

static const struct ctr_label two[] = { { "b", "2" }, { "a.x/y", "1" } };

static struct ctr_namespace named(const char *name, const struct ctr_label *labels, uint64_t n)
{
	return (struct ctr_namespace){ .size = sizeof(struct ctr_namespace),
				       .name = name,
				       .labels = { labels, n } };
}

static void test_create_get_list_and_events(void **state)
{
	struct fixture *f = *state;
	struct ctr_namespace ns = named("prod", two, 2), plain = named("dev", NULL, 0);
	struct seen_ns created = { .n = 0 }, got = { .n = 0 }, listed = { .n = 0 };

	assert_ok(namespace_create(&f->d, &f->call, &ns, keep, &created, &f->err));
	assert_string_equal(created.text, "prod{a.x/y=1,b=2,}");
	assert_ok(namespace_create(&f->d, &f->call, &plain, NULL, NULL, &f->err));
	assert_ok(namespace_get(&f->d, &f->call, "prod", keep, &got, &f->err));
	assert_string_equal(got.text, "prod{a.x/y=1,b=2,}");
	assert_ok(namespace_list(&f->d, &f->call, keep, &listed, &f->err));
	assert_string_equal(listed.text, "dev{}prod{a.x/y=1,b=2,}");
	assert_fails(namespace_create(&f->d, &f->call, &ns, NULL, NULL, &f->err),
		     CTR_ALREADY_EXISTS, "namespace \"prod\"");
	assert_string_equal(f->seen, "prod /namespaces/create containerd.events.NamespaceCreate;"
				     "dev /namespaces/create containerd.events.NamespaceCreate;");
}

static void test_a_missing_namespace_has_no_labels(void **state)
{
	struct fixture *f = *state;
	struct seen_ns got = { .n = 0 };

	assert_ok(namespace_get(&f->d, &f->call, "fresh", keep, &got, &f->err));
	assert_string_equal(got.text, "fresh{}");
	assert_fails(namespace_get(&f->d, &f->call, "a/b", keep, &got, &f->err),
		     CTR_INVALID_ARGUMENT,
		     "identifier \"a/b\" must match ^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$");
}

static void test_update_replaces_or_follows_the_mask(void **state)
{
	struct fixture *f = *state;
	static const struct ctr_label changed[] = { { "a.x/y", "9" }, { "new", "n" } };
	static const char *const paths[] = { "labels.a.x/y", "labels.b" }, *const bad[] = {
		"name"
	};
	struct ctr_namespace ns = named("prod", two, 2), to = named("prod", changed, 2);
	struct seen_ns masked = { .n = 0 }, all = { .n = 0 };

	assert_ok(namespace_create(&f->d, &f->call, &ns, NULL, NULL, &f->err));
	assert_ok(namespace_update(&f->d, &f->call, &to, (struct ctr_mask){ paths, 2 }, keep,
				   &masked, &f->err));
	assert_string_equal(masked.text, "prod{a.x/y=9,}");
	assert_ok(namespace_update(&f->d, &f->call, &to, (struct ctr_mask){ 0 }, keep, &all,
				   &f->err));
	assert_string_equal(all.text, "prod{a.x/y=9,new=n,}");
	assert_fails(namespace_update(&f->d, &f->call, &to, (struct ctr_mask){ bad, 1 }, NULL, NULL,
				      &f->err),
		     CTR_INVALID_ARGUMENT, "cannot update \"name\" field");
}

static const struct ctr_container box = {
	.size = sizeof(box),
	.id = "c1",
	.image = "i",
	.runtime = "io.containerd.runc.v2",
	.snapshotter = "",
	.snapshot_key = "",
	.sandbox = "",
	.spec = { .type_url = "t", .value = "x", .n = 1 },
};

static void test_only_an_empty_namespace_goes(void **state)
{
	struct fixture *f = *state;
	struct ctr_image image = {
		.size = sizeof(image),
		.name = "i",
		.target = { .size = sizeof(image.target),
			    .media_type = "m",
			    .digest = DIGEST_A,
			    .length_bytes = 5 },
	};
	struct ctr_lease lease = { .size = sizeof(lease), .id = "l" };
	struct seen_ns listed = { .n = 0 };

	assert_ok(container_create(&f->d, &f->call, &box, NULL, NULL, &f->err));
	assert_ok(image_create(&f->d, &f->call, &image, 0, NULL, NULL, &f->err));
	assert_ok(lease_create(&f->d, &f->call, &lease, NULL, NULL, &f->err));
	assert_fails(namespace_remove(&f->d, &f->call, "default", &f->err), CTR_FAILED_PRECONDITION,
		     "namespace \"default\" must be empty, but it still has images, containers");
	assert_ok(container_remove(&f->d, &f->call, "c1", &f->err));
	assert_ok(image_remove(&f->d, &f->call, "i", NULL, 0, &f->err));
	assert_ok(namespace_remove(&f->d, &f->call, "default", &f->err));
	assert_fails(namespace_remove(&f->d, &f->call, "default", &f->err), CTR_NOT_FOUND,
		     "namespace \"default\"");
	assert_ok(namespace_list(&f->d, &f->call, keep, &listed, &f->err));
	assert_string_equal(listed.text, "");
	assert_non_null(
		strstr(f->seen, "default /namespaces/delete containerd.events.NamespaceDelete;"));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_create_get_list_and_events),
		T(test_a_missing_namespace_has_no_labels),
		T(test_update_replaces_or_follows_the_mask),
		T(test_only_an_empty_namespace_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
