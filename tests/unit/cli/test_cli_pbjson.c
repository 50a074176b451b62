/* SPDX-License-Identifier: Apache-2.0
 *
 * Generated messages as JSON, and maps of strings for requests.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "cli/pbjson.h"
#include "cli/pbutil.h"
#include "containerd/events/task.pb-c.h"
#include "oci/json.h"

static void a_container(void **state)
{
	const struct pair pairs[] = { { "a", "1" }, { "b", "" } };
	CONTAINERS(Container) k = CONTAINERS_INIT(CONTAINER);
	Google__Protobuf__Any spec = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Timestamp when = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	char id[] = "abc", url[] = "some/Spec", text[] = "{\"x\":1}";
	AUTO_FREE char *dump = NULL;

	(void)state;
	k.id = id;
	k.labels = pb_map_new(
		&containerd__services__containers__v1__container__labels_entry__descriptor, pairs,
		2);
	k.n_labels = 2;
	spec.type_url = url;
	spec.value.data = (uint8_t *)text;
	spec.value.len = strlen(text);
	k.spec = &spec;
	when.seconds = 1;
	k.created_at = &when;

	AUTO_JSON o = pb_to_json(&k.base);

	dump = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(dump,
			    "{\"created_at\":\"1970-01-01T00:00:01.000000000Z\",\"id\":\"abc\","
			    "\"labels\":{\"a\":\"1\",\"b\":\"\"},\"spec\":{\"x\":1}}");
	assert_string_equal(pb_map_get(k.labels, 2, "a"), "1");
	assert_null(pb_map_get(k.labels, 2, "c"));
	pb_map_free(k.labels, 2);
}

static void known_and_unknown_any(void **state)
{
	Containerd__Events__TaskExit event = CONTAINERD__EVENTS__TASK_EXIT__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	char id[] = "c1", other[] = "who.knows";
	AUTO_FREE char *known = NULL, *unknown = NULL;

	(void)state;
	event.container_id = id;
	event.exit_status = 7;
	assert_int_equal(pb_any_pack(&event, 4096, &any), 0);

	AUTO_JSON a = pb_to_json(&any.base);

	known = json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(known, "{\"container_id\":\"c1\",\"exit_status\":7}");
	pb_any_done(&any);
	any.type_url = other;
	any.value.data = (uint8_t *)id;
	any.value.len = 2;

	AUTO_JSON b = pb_to_json(&any.base);

	unknown = json_dumps(b, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(unknown, "{\"type_url\":\"who.knows\",\"value\":\"YzE=\"}");
}

static void strings_that_are_not_utf8(void **state)
{
	IMAGES(Image) image = IMAGES_INIT(IMAGE);
	char name[] = "a\xff";

	(void)state;
	image.name = name;

	AUTO_JSON o = pb_to_json(&image.base);

	assert_string_equal(json_string_value(json_object_get(o, "name")), "a\\xff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container),
		cmocka_unit_test(known_and_unknown_any),
		cmocka_unit_test(strings_that_are_not_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
