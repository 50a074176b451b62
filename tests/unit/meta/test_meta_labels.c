/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels, names and reference labels: the pure parts of metadata.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ident.h"
#include "core/meta/meta.h"
#include "core/meta/refs.h"
#include "status/status.h"

static void set(struct meta_labels *l, const char *key, const char *value)
{
	assert_int_equal(meta_labels_set(l, key, value), 0);
}

static void test_labels_are_sorted_and_never_empty(void **state)
{
	AUTO_LABELS l = META_LABELS_INIT;

	(void)state;
	set(&l, "b", "2");
	set(&l, "a", "1");
	set(&l, "c", "3");
	set(&l, "b", "4");
	set(&l, "c", "");
	set(&l, "d", "");
	assert_int_equal(l.n, 2);
	assert_string_equal(l.items[0].key, "a");
	assert_string_equal(l.items[1].value, "4");
	assert_null(meta_label(meta_labels_view(&l), "c"));
}

static void test_pack_and_unpack_are_inverse(void **state)
{
	AUTO_LABELS l = META_LABELS_INIT, back = META_LABELS_INIT;
	AUTO_FREE void *data = NULL;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 50; i++) {
		char key[16], value[16];

		snprintf(key, sizeof(key), "k%d", i * 7 % 50);
		snprintf(value, sizeof(value), "v%d", i);
		set(&l, key, value);
	}
	assert_int_equal(meta_labels_pack(&l, &data, &n), 0);
	assert_int_equal(meta_labels_unpack(data, n, &back), 0);
	assert_int_equal(back.n, 50);
	for (size_t i = 0; i < 50; i++) {
		assert_string_equal(back.items[i].key, l.items[i].key);
		assert_string_equal(back.items[i].value, l.items[i].value);
	}
	assert_int_equal(meta_labels_unpack(data, n - 1, &back), -EBADMSG);
	assert_int_equal(meta_labels_unpack("a", 1, &back), -EBADMSG);
	assert_int_equal(meta_labels_unpack(NULL, 0, &back), 0);
	assert_int_equal(back.n, 0);
}

static void test_the_limit_has_containerds_text(void **state)
{
	char value[LABEL_MAX + 1];
	struct ctr_label one = { "key", value };
	AUTO_ERROR err = ERROR_INIT;

	(void)state;
	memset(value, 'v', LABEL_MAX);
	value[LABEL_MAX] = '\0';
	assert_int_equal(
		meta_labels_check("containers.Labels", (struct ctr_labels){ &one, 1 }, &err),
		CTR_INVALID_ARGUMENT);
	assert_string_equal(
		error_text(&err),
		"containers.Labels: label key and value length (4099 bytes) greater than "
		"maximum size (4096 bytes), key: key");
	value[LABEL_MAX - 3] = '\0';
	assert_int_equal(meta_labels_check("", (struct ctr_labels){ &one, 1 }, &err), CTR_OK);
}

static void test_field_masks_of_labels(void **state)
{
	static const struct ctr_label wanted[] = { { "x.y/z", "new" }, { "other", "no" } };
	const struct ctr_labels w = { wanted, 2 };
	AUTO_LABELS l = META_LABELS_INIT;

	(void)state;
	set(&l, "x.y/z", "old");
	set(&l, "gone", "1");
	set(&l, "kept", "1");
	assert_int_equal(meta_labels_apply(&l, w, "labels", "labels.x.y/z"), 1);
	assert_int_equal(meta_labels_apply(&l, w, "labels", "labels.gone"), 1);
	assert_int_equal(meta_labels_apply(&l, w, "labels", "target"), 0);
	assert_int_equal(meta_labels_apply(&l, w, "labels", "labelsx"), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(meta_label(meta_labels_view(&l), "x.y/z"), "new");
	assert_int_equal(meta_labels_apply(&l, w, "labels", "labels"), 1);
	assert_null(meta_label(meta_labels_view(&l), "kept"));
	assert_string_equal(meta_label(meta_labels_view(&l), "other"), "no");
}

struct ref_case {
	const char *key;
	int want, back;
	enum meta_kind kind;
	const char *sub;
};

static const struct ref_case refs[] = {
	{ "containerd.io/gc.ref.content", 1, 0, META_CONTENT, "" },
	{ "containerd.io/gc.ref.content.l.0", 1, 0, META_CONTENT, "" },
	{ "containerd.io/gc.ref.content/name", 1, 0, META_CONTENT, "" },
	{ "containerd.io/gc.ref.contentx", 0, 0, 0, "" },
	{ "containerd.io/gc.ref.snapshot.overlayfs", 1, 0, META_SNAPSHOT, "overlayfs" },
	{ "containerd.io/gc.ref.snapshot.overlayfs/name", 1, 0, META_SNAPSHOT, "overlayfs" },
	{ "containerd.io/gc.ref.snapshot.", 0, 0, 0, "" },
	{ "containerd.io/gc.ref.snapshot", 0, 0, 0, "" },
	{ "containerd.io/gc.ref.image", 1, 0, META_IMAGE, "" },
	{ "containerd.io/gc.ref.container", 0, 0, 0, "" },
	{ "containerd.io/gc.bref.container", 1, 1, META_CONTAINER, "" },
	{ "containerd.io/gc.bref.content.x", 1, 1, META_CONTENT, "" },
	{ "containerd.io/gc.bref.image/x", 1, 1, META_IMAGE, "" },
	{ "containerd.io/gc.bref.snapshot.native", 1, 1, META_SNAPSHOT, "native" },
	{ "containerd.io/gc.root", 0, 0, 0, "" },
	{ "other", 0, 0, 0, "" },
};

static void test_reference_labels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
		struct gc_label got;

		if (gc_label_parse(refs[i].key, &got) != refs[i].want)
			fail_msg("%s", refs[i].key);
		if (!refs[i].want)
			continue;
		assert_int_equal(got.kind, refs[i].kind);
		assert_int_equal(got.back, refs[i].back);
		assert_string_equal(got.sub, refs[i].sub);
	}
}

static void test_identifiers_have_containerds_texts(void **state)
{
	AUTO_ERROR err = ERROR_INIT;
	char big[IDENT_MAX + 2];

	(void)state;
	assert_int_equal(meta_ident_check("", "a.b-c_d9", &err), CTR_OK);
	assert_int_equal(meta_ident_check("", "", &err), CTR_INVALID_ARGUMENT);
	assert_string_equal(error_text(&err), "identifier must not be empty");
	assert_int_equal(meta_ident_check("namespace validation", "a/b", &err),
			 CTR_INVALID_ARGUMENT);
	assert_string_equal(error_text(&err), "namespace validation: identifier \"a/b\" must match "
					      "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$");
	memset(big, 'a', IDENT_MAX + 1);
	big[IDENT_MAX + 1] = '\0';
	assert_int_equal(meta_ident_check("", big, &err), CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&err), "greater than maximum length (76 characters)"));
	assert_int_equal(meta_digest_check("sha256:zz", &err), CTR_INVALID_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels_are_sorted_and_never_empty),
		cmocka_unit_test(test_pack_and_unpack_are_inverse),
		cmocka_unit_test(test_the_limit_has_containerds_text),
		cmocka_unit_test(test_field_masks_of_labels),
		cmocka_unit_test(test_reference_labels),
		cmocka_unit_test(test_identifiers_have_containerds_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
