/* SPDX-License-Identifier: Apache-2.0
 *
 * The labels by which indexes and manifests keep their children: containerd's keys, counted as it
 * counts them.
 */
#include "tests/unit/transfer/unit.h"

#include <stdio.h>

#include "core/transfer/internal.h"

static char oci_manifest[] = "application/vnd.oci.image.manifest.v1+json";
static char oci_index[] = "application/vnd.oci.image.index.v1+json";
static char oci_config[] = "application/vnd.oci.image.config.v1+json";
static char oci_layer[] = "application/vnd.oci.image.layer.v1.tar+gzip";
static char other[] = "application/vnd.example";

static void fill(WORKER(Descriptor) *d, char *media_type, char *digest)
{
	ctr__worker__v1__descriptor__init(d);
	d->media_type = media_type;
	d->digest = digest;
}

static const char *get(const struct meta_labels *l, const char *key)
{
	const char *value = meta_label(meta_labels_view(l), key);

	return value ? value : "";
}

static void index_keeps_its_manifests(void **state)
{
	char a[] = "a", b[] = "b", c[] = "c";
	WORKER(Descriptor) d[3], *list[] = { &d[0], &d[1], &d[2] };
	WORKER(ParsedIndex) x;
	AUTO_LABELS l = META_LABELS_INIT;

	(void)state;
	ctr__worker__v1__parsed_index__init(&x);
	fill(&d[0], oci_manifest, a);
	fill(&d[1], other, b);
	fill(&d[2], oci_index, c);
	x.manifests = list;
	x.n_manifests = 3;
	assert_int_equal(labels_of_index(&x, &l), 0);
	assert_int_equal(l.n, 3);
	assert_string_equal(get(&l, "containerd.io/gc.ref.content.m.0"), "a");
	assert_string_equal(get(&l, "containerd.io/gc.ref.content.0"), "b");
	assert_string_equal(get(&l, "containerd.io/gc.ref.content.m.1"), "c");
}

static void manifest_keeps_config_and_layers(void **state)
{
	char a[] = "a", b[] = "b", c[] = "c", cfg[] = "cfg";
	WORKER(Descriptor) d[3], config, *list[] = { &d[0], &d[1], &d[2] };
	WORKER(ParsedManifest) m;
	AUTO_LABELS l = META_LABELS_INIT;

	(void)state;
	ctr__worker__v1__parsed_manifest__init(&m);
	fill(&config, oci_config, cfg);
	fill(&d[0], oci_layer, a);
	fill(&d[1], other, b);
	fill(&d[2], oci_layer, c);
	m.config = &config;
	m.layers = list;
	m.n_layers = 3;
	assert_int_equal(labels_of_manifest(&m, &l), 0);
	assert_int_equal(l.n, 4);
	assert_string_equal(get(&l, "containerd.io/gc.ref.content.config"), "cfg");
	assert_string_equal(get(&l, "containerd.io/gc.ref.content.l.0"), "a");
	assert_string_equal(get(&l, "containerd.io/gc.ref.content.0"), "b");
	assert_string_equal(get(&l, "containerd.io/gc.ref.content.l.1"), "c");
}

/* A content store of one blob, that counts what is written to it. */
static struct ctr_label have[] = {
	{ "containerd.io/distribution.source.docker.io", "library/a,library/ab" },
	{ "containerd.io/uncompressed", "sha256:1" },
};
static uint64_t written_n;
static char written[256];

static ctr_code fake_info(const struct ctr_host *h, const struct ctr_call *call, const char *digest,
			  ctr_content_sink sink, void *ud, struct ctr_error *err)
{
	const struct ctr_content_info info = { .size = sizeof(info),
					       .digest = digest,
					       .labels = { have, 2 } };

	(void)h;
	(void)call;
	(void)err;
	return sink(ud, &info);
}

static ctr_code fake_update(const struct ctr_host *h, const struct ctr_call *call,
			    const char *digest, struct ctr_labels labels, struct ctr_mask mask,
			    ctr_content_sink sink, void *ud, struct ctr_error *err)
{
	(void)h;
	(void)call;
	(void)digest;
	(void)sink;
	(void)ud;
	(void)err;
	assert_int_equal(labels.n, mask.n);
	written_n = labels.n;
	snprintf(written, sizeof(written), "%s %s=%s", mask.paths[0], labels.items[0].key,
		 labels.items[0].value);
	return CTR_OK;
}

static const struct ctr_contents_ops fake = { .size = sizeof(fake),
					      .info = fake_info,
					      .update = fake_update };

static void what_is_there_is_not_written(void **state)
{
	struct job job = { .s.contents = &fake };
	AUTO_LABELS l = META_LABELS_INIT;

	(void)state;
	written_n = 0;
	meta_labels_set(&l, "containerd.io/uncompressed", "sha256:1");
	meta_labels_set(&l, "containerd.io/distribution.source.docker.io", "library/ab");
	assert_int_equal(labels_add(&job, "sha256:x", &l, NULL), CTR_OK);
	assert_int_equal(written_n, 0);
}

static void a_new_source_joins_the_list(void **state)
{
	struct job job = { .s.contents = &fake };
	AUTO_LABELS l = META_LABELS_INIT;

	(void)state;
	meta_labels_set(&l, "containerd.io/uncompressed", "sha256:1");
	meta_labels_set(&l, "containerd.io/distribution.source.docker.io", "library/b");
	assert_int_equal(labels_add(&job, "sha256:x", &l, NULL), CTR_OK);
	assert_int_equal(written_n, 1);
	assert_string_equal(written, "labels.containerd.io/distribution.source.docker.io "
				     "containerd.io/distribution.source.docker.io="
				     "library/a,library/ab,library/b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_keeps_its_manifests),
		cmocka_unit_test(manifest_keeps_config_and_layers),
		cmocka_unit_test(what_is_there_is_not_written),
		cmocka_unit_test(a_new_source_joins_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
