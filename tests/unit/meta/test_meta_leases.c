/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases: ids, resources and their types, and what a call with a lease adds to it.
 */
#include "fixture.h"

static ctr_code keep_id(void *ud, const struct ctr_lease *lease)
{
	snprintf(ud, 128, "%s", lease->id);
	return lease->created_ns > 0 ? CTR_OK : CTR_INTERNAL;
}

static void test_ids_are_given_or_made(void **state)
{
	struct fixture *f = *state;
	struct ctr_lease named = { .size = sizeof(named), .id = "mine" },
			 none = { .size = sizeof(none), .id = "" };
	char id[128], other[128];

	assert_ok(lease_create(&f->d, &f->call, &named, keep_id, id, &f->err));
	assert_string_equal(id, "mine");
	assert_fails(lease_create(&f->d, &f->call, &named, NULL, NULL, &f->err), CTR_ALREADY_EXISTS,
		     "lease \"mine\"");
	assert_ok(lease_create(&f->d, &f->call, &none, keep_id, id, &f->err));
	assert_ok(lease_create(&f->d, &f->call, &none, keep_id, other, &f->err));
	assert_string_not_equal(id, other);
	assert_int_equal(strlen(strrchr(id, '-') ? strchr(id, '-') : ""), 5);
	assert_fails(lease_remove(&f->d, &f->call, "no", 0, &f->err), CTR_NOT_FOUND,
		     "lease \"no\"");
	assert_ok(lease_remove(&f->d, &f->call, "mine", 1, &f->err));
}

static ctr_code append(void *ud, const struct ctr_lease_resource *r)
{
	char *text = ud;
	size_t n = strlen(text);

	snprintf(text + n, 1024 - n, "%s %s;", r->type, r->id);
	return CTR_OK;
}

static struct ctr_lease_resource res(const char *type, const char *id)
{
	return (struct ctr_lease_resource){ .size = sizeof(struct ctr_lease_resource),
					    .type = type,
					    .id = id };
}

static void test_resources(void **state)
{
	static const struct {
		const char *type, *id, *text;
		ctr_code want;
	} cases[] = {
		{ "content", DIGEST_A, NULL, CTR_OK },
		{ "content", DIGEST_A, NULL, CTR_OK },
		{ "snapshots/overlayfs", "a key", NULL, CTR_OK },
		{ "ingests", "ref", NULL, CTR_OK },
		{ "images", "alpine", NULL, CTR_OK },
		{ "foo", "x", "resource type foo not supported yet", CTR_UNIMPLEMENTED },
		{ "snapshots", "x", "invalid snapshot resource type snapshots",
		  CTR_INVALID_ARGUMENT },
		{ "content/x", DIGEST_A, "invalid resource type content/x", CTR_INVALID_ARGUMENT },
		{ "content", "x", "invalid content resource id x: invalid checksum digest format",
		  CTR_INVALID_ARGUMENT },
	};
	struct fixture *f = *state;
	struct ctr_lease lease = { .size = sizeof(lease), .id = "l" };
	char text[1024] = "";

	assert_ok(lease_create(&f->d, &f->call, &lease, NULL, NULL, &f->err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ctr_lease_resource r = res(cases[i].type, cases[i].id);

		assert_int_equal(lease_add_resource(&f->d, &f->call, "l", &r, &f->err),
				 cases[i].want);
		if (cases[i].text)
			assert_string_equal(error_text(&f->err), cases[i].text);
	}
	assert_ok(lease_resources(&f->d, &f->call, "l", append, text, &f->err));
	assert_string_equal(text, "content " DIGEST_A
				  ";snapshots/overlayfs a key;images alpine;ingests ref;");
	struct ctr_lease_resource gone = res("snapshots/overlayfs", "a key"),
				  image = res("images", "alpine");

	assert_ok(lease_remove_resource(&f->d, &f->call, "l", &gone, &f->err));
	assert_ok(lease_remove_resource(&f->d, &f->call, "l", &image, &f->err));
	text[0] = '\0';
	assert_ok(lease_resources(&f->d, &f->call, "l", append, text, &f->err));
	assert_string_equal(text, "content " DIGEST_A ";ingests ref;");
	assert_fails(lease_add_resource(&f->d, &f->call, "no", &image, &f->err), CTR_NOT_FOUND,
		     "lease \"no\"");
	assert_fails(lease_resources(&f->d, &f->call, "no", append, text, &f->err), CTR_NOT_FOUND,
		     "lease \"no\"");
}

static void test_a_calls_lease_gets_only_images_that_expire(void **state)
{
	static const struct ctr_label expire[] = { { "containerd.io/gc.expire",
						     "2099-01-01T00:00:00Z" } };
	struct fixture *f = *state;
	struct ctr_lease lease = { .size = sizeof(lease), .id = "l" };
	struct ctr_image image = {
		.size = sizeof(image),
		.name = "plain",
		.target = { .size = sizeof(image.target),
			    .media_type = "m",
			    .digest = DIGEST_A,
			    .length_bytes = 1 },
	};
	char text[1024] = "";

	assert_ok(lease_create(&f->d, &f->call, &lease, NULL, NULL, &f->err));
	f->call.lease = "l";
	assert_ok(image_create(&f->d, &f->call, &image, 0, NULL, NULL, &f->err));
	image.name = "expires";
	image.labels = (struct ctr_labels){ expire, 1 };
	assert_ok(image_create(&f->d, &f->call, &image, 0, NULL, NULL, &f->err));
	assert_ok(lease_resources(&f->d, &f->call, "l", append, text, &f->err));
	assert_string_equal(text, "images expires;");
	f->call.lease = "unknown";
	image.name = "third";
	assert_fails(image_create(&f->d, &f->call, &image, 0, NULL, NULL, &f->err), CTR_NOT_FOUND,
		     "lease does not exist");
	f->call.lease = "";
}

static ctr_code list_ids(void *ud, const struct ctr_lease *lease)
{
	char *text = ud;
	size_t n = strlen(text);

	snprintf(text + n, 1024 - n, "%s;", lease->id);
	return CTR_OK;
}

static void test_lists_follow_filters(void **state)
{
	static const struct ctr_label k[] = { { "k", "v" } };
	struct fixture *f = *state;
	struct ctr_lease a = { .size = sizeof(a), .id = "a", .labels = { k, 1 } },
			 b = { .size = sizeof(b), .id = "b" };
	const char *by_id = "id==b", *by_label = "labels.k==v";
	char text[1024] = "";

	assert_ok(lease_create(&f->d, &f->call, &a, NULL, NULL, &f->err));
	assert_ok(lease_create(&f->d, &f->call, &b, NULL, NULL, &f->err));
	assert_ok(lease_list(&f->d, &f->call, (struct ctr_filters){ 0 }, list_ids, text, &f->err));
	assert_ok(lease_list(&f->d, &f->call, (struct ctr_filters){ &by_id, 1 }, list_ids, text,
			     &f->err));
	assert_ok(lease_list(&f->d, &f->call, (struct ctr_filters){ &by_label, 1 }, list_ids, text,
			     &f->err));
	assert_string_equal(text, "a;b;b;a;");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_ids_are_given_or_made),
		T(test_resources),
		T(test_a_calls_lease_gets_only_images_that_expire),
		T(test_lists_follow_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
