/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests, indexes and configs, good and hostile. Whatever is accepted must also pass the
 * daemon's own check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"
#include "worker/client/validate.h"
#include "worker/parse/parse.h"
#include "worker/parse/platform.h"

#define D1                                                                                         \
	"\"digest\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","  \
	"\"size\":10"
#define CFG "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\"," D1 "}"
#define LAY "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\"," D1 "}"
#define OM  "application/vnd.oci.image.manifest.v1+json"
#define OI  "application/vnd.oci.image.index.v1+json"
#define DM  "application/vnd.docker.distribution.manifest.v2+json"

#define AUTO_DOC CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_AUTO
#define CONFIG   CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG

struct outcome {
	worker_reply_pb *rep;
	struct ctr_error err;
	ctr_code code;
};

static struct outcome parse_as(Ctr__Worker__V1__DocumentKind kind, const char *media_type,
			       const char *text)
{
	Ctr__Worker__V1__Parse req;
	Ctr__Worker__V1__Platform want;
	struct outcome o = { .rep = malloc(sizeof(*o.rep)), .err = ERROR_INIT };

	ctr__worker__v1__parse__init(&req);
	ctr__worker__v1__platform__init(&want);
	ctr__worker__v1__reply__init(o.rep);
	want.os = (char *)(uintptr_t) "linux";
	want.architecture = (char *)(uintptr_t) "arm64";
	req.kind = kind;
	req.media_type = (char *)(uintptr_t)media_type;
	req.platform = &want;
	o.code = parse_document(&req, text, strlen(text), o.rep, &o.err);
	if (o.code == CTR_OK && reply_check(ROLE_PARSE, o.rep, 0, &o.err) != CTR_OK)
		fail_msg("%s", error_text(&o.err));
	return o;
}

static void outcome_done(struct outcome *o)
{
	ctr__worker__v1__reply__free_unpacked(o->rep, NULL);
	error_done(&o->err);
}

static void test_a_manifest(void **state)
{
	struct outcome o = parse_as(AUTO_DOC, OM,
				    "{\"schemaVersion\":2,\"mediaType\":\"" OM "\"," CFG
				    ",\"layers\":[" LAY "," LAY "],\"annotations\":{\"a\":\"b\"}}");

	(void)state;
	assert_int_equal(o.code, CTR_OK);
	assert_int_equal(o.rep->manifest->n_layers, 2);
	assert_int_equal(o.rep->manifest->layers[1]->size, 10);
	assert_string_equal(o.rep->manifest->annotations[0]->value, "b");
	assert_string_equal(o.rep->manifest->media_type, OM);
	outcome_done(&o);
}

static void test_an_index_chooses(void **state)
{
	struct outcome o = parse_as(
		AUTO_DOC, "",
		"{\"schemaVersion\":2,\"manifests\":["
		"{\"mediaType\":\"" OM "\"," D1
		",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},"
		"{\"mediaType\":\"" OM "\"," D1
		",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}},"
		"{\"mediaType\":\"" OM "\"," D1
		",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}},"
		"{\"mediaType\":\"" OM "\"," D1 ",\"platform\":{\"os\":\"linux\",\"architecture\":"
		"\"arm64\",\"variant\":\"v8\"}}]}");

	(void)state;
	assert_int_equal(o.code, CTR_OK);
	assert_int_equal(o.rep->index->chosen, 3);
	assert_string_equal(o.rep->index->media_type, OI);
	outcome_done(&o);

	o = parse_as(AUTO_DOC, OI,
		     "{\"manifests\":[{\"mediaType\":\"" OM "\"," D1
		     ",\"platform\":{\"os\":\"windows\",\"architecture\":\"arm64\"}}]}");
	assert_int_equal(o.code, CTR_OK);
	assert_int_equal(o.rep->index->chosen, -1);
	outcome_done(&o);
}

static void test_a_config(void **state)
{
	struct outcome o = parse_as(
		CONFIG, "application/vnd.docker.container.image.v1+json",
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2020-01-01T00:00:00Z\","
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]},"
		"\"history\":[{\"created_by\":\"x\"}],"
		"\"config\":{\"User\":\"1000:1000\",\"Env\":[\"PATH=/"
		"bin\"],\"Entrypoint\":[],\"Cmd\":[\"sh\"],"
		"\"WorkingDir\":\"/w\",\"Labels\":{\"k\":\"v\"},\"Volumes\":{\"/data\":{}},"
		"\"ExposedPorts\":{\"80/tcp\":{}},\"StopSignal\":\"SIGQUIT\",\"OnBuild\":null}}");

	(void)state;
	assert_int_equal(o.code, CTR_OK);
	const Ctr__Worker__V1__ParsedConfig *c = o.rep->config;
	assert_int_equal(c->n_diff_ids, 1);
	assert_string_equal(c->user, "1000:1000");
	assert_string_equal(c->env[0], "PATH=/bin");
	assert_true(c->has_entrypoint);
	assert_int_equal(c->n_entrypoint, 0);
	assert_string_equal(c->cmd[0], "sh");
	assert_string_equal(c->volumes[0], "/data");
	assert_string_equal(c->exposed_ports[0], "80/tcp");
	assert_string_equal(c->stop_signal, "SIGQUIT");
	assert_string_equal(c->labels[0]->key, "k");
	outcome_done(&o);

	o = parse_as(CONFIG, "", "{\"config\":{\"Cmd\":\"one string\",\"Entrypoint\":null}}");
	assert_int_equal(o.code, CTR_OK);
	assert_string_equal(o.rep->config->cmd[0], "one string");
	assert_false(o.rep->config->has_entrypoint);
	outcome_done(&o);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		Ctr__Worker__V1__DocumentKind kind;
		const char *media_type, *text;
		ctr_code code;
		const char *part;
	} cases[] = {
		{ AUTO_DOC, OM, "", CTR_INVALID_ARGUMENT, "manifest: no valid JSON" },
		{ AUTO_DOC, OM, "[1]", CTR_INVALID_ARGUMENT, "JSON is no object" },
		{ AUTO_DOC, OM, "{\"a\":1,\"a\":2}", CTR_INVALID_ARGUMENT, "a key appears twice" },
		{ AUTO_DOC, OM, "{\"a\":\"\\u0000\"}", CTR_INVALID_ARGUMENT, "NUL in a string" },
		{ AUTO_DOC, OM, "{\"a\":\"\xff\"}", CTR_INVALID_ARGUMENT, "invalid UTF-8" },
		{ AUTO_DOC, OM, "{} x", CTR_INVALID_ARGUMENT, "after its end" },
		{ AUTO_DOC, OM, "{" CFG ",\"layers\":[],\"manifests\":[]}", CTR_INVALID_ARGUMENT,
		  "has both 'manifests' and 'layers'" },
		{ AUTO_DOC, OM, "{\"mediaType\":\"" OI "\"," CFG "}", CTR_INVALID_ARGUMENT,
		  "mediaType in the document" },
		{ AUTO_DOC, OM, "{\"mediaType\":\"" DM "\"," CFG "}", CTR_INVALID_ARGUMENT,
		  "mediaType in the document" },
		{ AUTO_DOC, OM, "{\"manifests\":[]}", CTR_INVALID_ARGUMENT,
		  "no manifest by what it holds" },
		{ AUTO_DOC, OI, "{\"layers\":[]}", CTR_INVALID_ARGUMENT,
		  "no index by what it holds" },
		{ AUTO_DOC, "text/html", "{}", CTR_INVALID_ARGUMENT,
		  "unknown media type 'text/html'" },
		{ AUTO_DOC, "", "{\"mediaType\":\"a b\"}", CTR_INVALID_ARGUMENT,
		  "unknown media type 'a?b'" },
		{ AUTO_DOC, "", "{\"schemaVersion\":1}", CTR_UNIMPLEMENTED,
		  "docker schema 1 is not supported" },
		{ AUTO_DOC, "application/vnd.docker.distribution.manifest.v1+prettyjws", "{}",
		  CTR_UNIMPLEMENTED, "docker schema 1 is not supported" },
		{ AUTO_DOC, "", "{\"fsLayers\":[]}", CTR_UNIMPLEMENTED, "docker schema 1" },
		{ AUTO_DOC, OM, "{\"schemaVersion\":3}", CTR_INVALID_ARGUMENT,
		  "unknown schemaVersion" },
		{ AUTO_DOC, OM, "{\"layers\":[]}", CTR_INVALID_ARGUMENT, "'config' is missing" },
		{ AUTO_DOC, OM, "{\"config\":5}", CTR_INVALID_ARGUMENT,
		  "config: a descriptor is no object" },
		{ AUTO_DOC, OM,
		  "{" CFG
		  ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:zz\",\"size\":1}]}",
		  CTR_INVALID_ARGUMENT, "layers[0]: 'digest' is no digest: 'sha256:zz'" },
		{ AUTO_DOC, OM, "{" CFG ",\"layers\":[{" D1 "}]}", CTR_INVALID_ARGUMENT,
		  "'mediaType' is missing" },
		{ AUTO_DOC, OM,
		  "{" CFG ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"sha256:"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"size\":-1}]"
		  "}",
		  CTR_INVALID_ARGUMENT, "'size' is no size" },
		{ AUTO_DOC, OM, "{" CFG ",\"layers\":{}}", CTR_INVALID_ARGUMENT,
		  "'layers' is no list" },
		{ AUTO_DOC, OM, "{" CFG ",\"annotations\":{\"a\":1}}", CTR_INVALID_ARGUMENT,
		  "no string" },
		{ AUTO_DOC, OM, "{" CFG ",\"artifactType\":\"a b\"}", CTR_INVALID_ARGUMENT,
		  "'artifactType' has characters" },
		{ CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_INDEX, "", "{" CFG "}",
		  CTR_INVALID_ARGUMENT, "found manifest, expected index" },
		{ CONFIG, "text/plain", "{}", CTR_INVALID_ARGUMENT,
		  "image config: unknown media type 'text/plain'" },
		{ CONFIG, "", "{\"rootfs\":{\"type\":\"tree\"}}", CTR_INVALID_ARGUMENT,
		  "rootfs type 'tree'" },
		{ CONFIG, "", "{\"rootfs\":{\"diff_ids\":[\"x\"]}}", CTR_INVALID_ARGUMENT,
		  "diff_ids[0] is no digest" },
		{ CONFIG, "", "{\"config\":{\"Env\":[1]}}", CTR_INVALID_ARGUMENT,
		  "'Env' holds something" },
		{ CONFIG, "", "{\"config\":{\"User\":7}}", CTR_INVALID_ARGUMENT,
		  "'User' is no string" },
		{ CONFIG, "", "{\"os\":\"li nux\"}", CTR_INVALID_ARGUMENT, "'os' has characters" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct outcome o = parse_as(cases[i].kind, cases[i].media_type, cases[i].text);

		if (o.code != cases[i].code || !strstr(error_text(&o.err), cases[i].part))
			fail_msg("%s: code %d, '%s' does not say '%s'", cases[i].text, o.code,
				 error_text(&o.err), cases[i].part);
		outcome_done(&o);
	}
}

static void repeat(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_puts(b, s), 0);
}

static void test_limits(void **state)
{
	AUTO_BUF deep = BUF_INIT(1 << 20), fits = BUF_INIT(1 << 20), many = BUF_INIT(8 << 20);
	AUTO_BUF text = BUF_INIT(1 << 20);

	(void)state;
	repeat(&deep, "{\"a\":[", 40);
	struct outcome o = parse_as(AUTO_DOC, OM, deep.data);
	assert_int_equal(o.code, CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&o.err), "nested deeper than 64"));
	outcome_done(&o);

	/* brackets in strings are no depth */
	buf_puts(&fits, "{\"x\":\"");
	repeat(&fits, "[{\\\"", 200);
	buf_puts(&fits, "\"," CFG "}");
	o = parse_as(AUTO_DOC, OM, fits.data);
	assert_int_equal(o.code, CTR_OK);
	outcome_done(&o);

	buf_puts(&many, "{" CFG ",\"layers\":[" LAY);
	repeat(&many, "," LAY, 1024);
	buf_puts(&many, "]}");
	o = parse_as(AUTO_DOC, OM, many.data);
	assert_int_equal(o.code, CTR_INVALID_ARGUMENT);
	assert_non_null(strstr(error_text(&o.err), "more than 1024 elements"));
	outcome_done(&o);

	buf_puts(&text, "{\"config\":{\"Env\":[\"");
	repeat(&text, "aaaaaaaaaaaaaaaa", 5000);
	buf_puts(&text, "\"]}}");
	o = parse_as(CONFIG, "", text.data);
	assert_int_equal(o.code, CTR_INVALID_ARGUMENT);
	outcome_done(&o);
}

static void test_platforms(void **state)
{
	static const struct {
		const char *want, *want_variant, *have, *have_variant;
		int fit;
	} cases[] = {
		{ "amd64", "", "amd64", "", 0 },     { "x86_64", "", "amd64", "v1", 0 },
		{ "amd64", "", "386", "", 20 },      { "amd64", "v3", "amd64", "v2", 1 },
		{ "amd64", "", "amd64", "v3", -1 },  { "arm64", "v8", "aarch64", "", 0 },
		{ "arm64", "", "arm", "v7", 21 },    { "arm", "v6", "arm", "v7", -1 },
		{ "arm", "v7", "arm", "v6", 1 },     { "arm", "", "armhf", "", 0 },
		{ "amd64", "", "arm64", "", -1 },    { "386", "", "amd64", "", -1 },
		{ "riscv64", "", "riscv64", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct platform want, have;

		platform_normalize("linux", cases[i].want, cases[i].want_variant, &want);
		platform_normalize("Linux", cases[i].have, cases[i].have_variant, &have);
		if (platform_match(&want, &have) != cases[i].fit)
			fail_msg("%s%s on %s%s: %d", cases[i].have, cases[i].have_variant,
				 cases[i].want, cases[i].want_variant,
				 platform_match(&want, &have));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_manifest), cmocka_unit_test(test_an_index_chooses),
		cmocka_unit_test(test_a_config),   cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_limits),     cmocka_unit_test(test_platforms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
