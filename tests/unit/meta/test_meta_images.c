/* SPDX-License-Identifier: Apache-2.0
 *
 * Images: create, update by mask, removal by target, filters, events.
 */
#include "fixture.h"

#include "core/meta/clone.h"

static const struct ctr_label labels[] = { { "l", "1" } }, annotations[] = { { "org.x", "a" } };

static const struct ctr_image alpine = {
	.size = sizeof(alpine),
	.name = "docker.io/library/alpine:latest",
	.target = {
		.size = sizeof(alpine.target),
		.media_type = "application/vnd.oci.image.index.v1+json",
		.digest = DIGEST_A,
		.length_bytes = 528,
		.annotations = { annotations, 1 },
	},
	.labels = { labels, 1 },
};

static void test_create_get_and_remove(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE struct ctr_image *made = NULL, *got = NULL;

	assert_ok(image_create(&f->d, &f->call, &alpine, 0, image_keep, &made, &f->err));
	assert_ok(image_get(&f->d, &f->call, alpine.name, image_keep, &got, &f->err));
	assert_string_equal(got->target.digest, DIGEST_A);
	assert_int_equal(got->target.length_bytes, 528);
	assert_string_equal(got->target.annotations.items[0].value, "a");
	assert_int_equal(got->created_ns, made->created_ns);
	assert_fails(image_create(&f->d, &f->call, &alpine, 0, NULL, NULL, &f->err),
		     CTR_ALREADY_EXISTS, "image \"docker.io/library/alpine:latest\"");
	assert_int_equal(image_remove(&f->d, &f->call, alpine.name, DIGEST_B, 0, &f->err),
			 CTR_NOT_FOUND);
	assert_ok(image_remove(&f->d, &f->call, alpine.name, DIGEST_A, 0, &f->err));
	assert_fails(image_remove(&f->d, &f->call, alpine.name, NULL, 0, &f->err), CTR_NOT_FOUND,
		     "image \"docker.io/library/alpine:latest\"");
	assert_string_equal(f->seen,
			    "default /images/create containerd.services.images.v1.ImageCreate;"
			    "default /images/delete containerd.services.images.v1.ImageDelete;");
}

static void test_what_is_refused_and_how(void **state)
{
	struct fixture *f = *state;
	struct ctr_image i = alpine;

	i.name = "";
	assert_fails(image_create(&f->d, &f->call, &i, 0, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT, "image name must not be empty");
	i = alpine;
	i.target.digest = "sha256:1";
	assert_fails(image_create(&f->d, &f->call, &i, 0, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT,
		     "Target.Digest \"sha256:1\" invalid: invalid checksum digest format");
	i = alpine;
	i.target.length_bytes = 0;
	assert_fails(image_create(&f->d, &f->call, &i, 0, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT, "Target.Size must be greater than zero");
	i = alpine;
	i.target.media_type = "";
	assert_fails(image_create(&f->d, &f->call, &i, 0, NULL, NULL, &f->err),
		     CTR_INVALID_ARGUMENT, "Target.MediaType must be set");
	i = alpine;
	i.name = "";
	assert_fails(
		image_update(&f->d, &f->call, &i, (struct ctr_mask){ 0 }, 0, NULL, NULL, &f->err),
		CTR_INVALID_ARGUMENT, "image name is required for update");
}

static void test_updates(void **state)
{
	struct fixture *f = *state;
	static const char *const one[] = { "labels.n" }, *const target[] = { "target" },
				 *const bad[] = { "size" }, *const note[] = { "annotations.k" };
	static const struct ctr_label more[] = { { "n", "2" }, { "o", "3" } },
				      notes[] = { { "k", "v" } };
	struct ctr_image i = alpine;
	AUTO_FREE struct ctr_image *a = NULL, *b = NULL, *c = NULL, *d = NULL;

	i.labels = (struct ctr_labels){ more, 2 };
	i.target.digest = DIGEST_B;
	i.target.annotations = (struct ctr_labels){ notes, 1 };
	assert_ok(image_create(&f->d, &f->call, &alpine, 1000, NULL, NULL, &f->err));
	assert_ok(image_update(&f->d, &f->call, &i, (struct ctr_mask){ one, 1 }, 0, image_keep, &a,
			       &f->err));
	assert_int_equal(a->labels.n, 2);
	assert_int_equal(a->created_ns, 1000);
	assert_string_equal(a->target.digest, DIGEST_A);
	assert_ok(image_update(&f->d, &f->call, &i, (struct ctr_mask){ note, 1 }, 0, image_keep, &b,
			       &f->err));
	assert_int_equal(b->target.annotations.n, 2);
	assert_ok(image_update(&f->d, &f->call, &i, (struct ctr_mask){ target, 1 }, 0, image_keep,
			       &c, &f->err));
	assert_string_equal(c->target.digest, DIGEST_B);
	assert_int_equal(c->target.annotations.n, 1);
	assert_ok(image_update(&f->d, &f->call, &i, (struct ctr_mask){ 0 }, 77, image_keep, &d,
			       &f->err));
	assert_int_equal(d->labels.n, 2);
	assert_int_equal(d->updated_ns, 77);
	assert_fails(image_update(&f->d, &f->call, &i, (struct ctr_mask){ bad, 1 }, 0, NULL, NULL,
				  &f->err),
		     CTR_INVALID_ARGUMENT,
		     "cannot update \"size\" field on image \"docker.io/library/alpine:latest\"");
}

static ctr_code count(void *ud, const struct ctr_image *image)
{
	size_t *n = ud;

	(void)image;
	(*n)++;
	return CTR_OK;
}

static void test_lists_follow_filters(void **state)
{
	static const struct {
		const char *filter;
		size_t want;
	} cases[] = {
		{ "name~=alpine", 1 },
		{ "target.digest==" DIGEST_A, 1 },
		{ "target.mediatype~=index", 1 },
		{ "target.size==528", 0 },
		{ "labels.l==1", 1 },
		{ "annotations.\"org.x\"==a", 1 },
		{ "name==other", 0 },
	};
	struct fixture *f = *state;
	size_t n = 0;
	const char *bad = "name=x";

	assert_ok(image_create(&f->d, &f->call, &alpine, 0, NULL, NULL, &f->err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		n = 0;
		assert_ok(image_list(&f->d, &f->call, (struct ctr_filters){ &cases[i].filter, 1 },
				     count, &n, &f->err));
		assert_int_equal(n, cases[i].want);
	}
	assert_int_equal(
		image_list(&f->d, &f->call, (struct ctr_filters){ &bad, 1 }, count, &n, &f->err),
		CTR_INVALID_ARGUMENT);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(test_create_get_and_remove),
		T(test_what_is_refused_and_how),
		T(test_updates),
		T(test_lists_follow_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
