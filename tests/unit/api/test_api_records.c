/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces, leases, images and containers from request bytes to reply bytes.
 */
#include "fake.h"

#include "containerd/services/containers/v1/containers.pb-c.h"
#include "containerd/services/images/v1/images.pb-c.h"
#include "containerd/services/leases/v1/leases.pb-c.h"
#include "containerd/services/namespaces/v1/namespace.pb-c.h"

#define NAMESPACES "containerd.services.namespaces.v1.Namespaces"
#define LEASES     "containerd.services.leases.v1.Leases"
#define IMAGES     "containerd.services.images.v1.Images"
#define CONTAINERS "containerd.services.containers.v1.Containers"

static char *lent_text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void test_namespaces(void **state)
{
	struct fake *k = *state;
	Containerd__Services__Namespaces__V1__Namespace ns =
		CONTAINERD__SERVICES__NAMESPACES__V1__NAMESPACE__INIT;
	Containerd__Services__Namespaces__V1__Namespace__LabelsEntry label =
		CONTAINERD__SERVICES__NAMESPACES__V1__NAMESPACE__LABELS_ENTRY__INIT;
	Containerd__Services__Namespaces__V1__Namespace__LabelsEntry *labels[] = { &label };
	Containerd__Services__Namespaces__V1__CreateNamespaceRequest create =
		CONTAINERD__SERVICES__NAMESPACES__V1__CREATE_NAMESPACE_REQUEST__INIT;
	Containerd__Services__Namespaces__V1__ListNamespacesRequest list =
		CONTAINERD__SERVICES__NAMESPACES__V1__LIST_NAMESPACES_REQUEST__INIT;
	Containerd__Services__Namespaces__V1__UpdateNamespaceRequest update =
		CONTAINERD__SERVICES__NAMESPACES__V1__UPDATE_NAMESPACE_REQUEST__INIT;
	Containerd__Services__Namespaces__V1__DeleteNamespaceRequest delete =
		CONTAINERD__SERVICES__NAMESPACES__V1__DELETE_NAMESPACE_REQUEST__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	char *path = lent_text("labels.k");
	struct ctr_rpc_call rc;

	ns.name = lent_text("prod");
	label.key = lent_text("k");
	label.value = lent_text("v");
	ns.labels = labels;
	ns.n_labels = 1;
	create.namespace_ = &ns;
	Containerd__Services__Namespaces__V1__CreateNamespaceResponse *made = fake_get(
		k, NAMESPACES, "Create", &create,
		&containerd__services__namespaces__v1__create_namespace_response__descriptor);

	assert_string_equal(made->namespace_->name, "prod");
	assert_string_equal(made->namespace_->labels[0]->value, "v");
	fake_free(made);
	label.value = lent_text("");
	mask.paths = &path;
	mask.n_paths = 1;
	update.namespace_ = &ns;
	update.update_mask = &mask;
	Containerd__Services__Namespaces__V1__UpdateNamespaceResponse *updated = fake_get(
		k, NAMESPACES, "Update", &update,
		&containerd__services__namespaces__v1__update_namespace_response__descriptor);

	assert_int_equal(updated->namespace_->n_labels, 0);
	fake_free(updated);
	Containerd__Services__Namespaces__V1__ListNamespacesResponse *listed = fake_get(
		k, NAMESPACES, "List", &list,
		&containerd__services__namespaces__v1__list_namespaces_response__descriptor);

	assert_int_equal(listed->n_namespaces, 1);
	fake_free(listed);
	fake_call_init(k, &rc);
	delete.name = lent_text("prod");
	assert_int_equal(fake_run(k, &rc, NAMESPACES, "Delete", &delete), CTR_OK);
	assert_int_equal(rc.n_replies, 1);
	assert_int_equal(rc.lengths[0], 0);
	fake_call_done(&rc);
	create.namespace_ = NULL;
	assert_int_equal(fake_run(k, &rc, NAMESPACES, "Create", &create), CTR_INVALID_ARGUMENT);
	assert_string_equal(error_text(&k->err), "identifier must not be empty");
	assert_int_equal(fake_bytes(k, &rc, NAMESPACES, "Create", "\xff\xff", 2),
			 CTR_INVALID_ARGUMENT);
}

static void test_leases(void **state)
{
	struct fake *k = *state;
	Containerd__Services__Leases__V1__CreateRequest create =
		CONTAINERD__SERVICES__LEASES__V1__CREATE_REQUEST__INIT;
	Containerd__Services__Leases__V1__AddResourceRequest add =
		CONTAINERD__SERVICES__LEASES__V1__ADD_RESOURCE_REQUEST__INIT;
	Containerd__Services__Leases__V1__Resource resource =
		CONTAINERD__SERVICES__LEASES__V1__RESOURCE__INIT;
	Containerd__Services__Leases__V1__ListResourcesRequest list =
		CONTAINERD__SERVICES__LEASES__V1__LIST_RESOURCES_REQUEST__INIT;
	Containerd__Services__Leases__V1__ListRequest all =
		CONTAINERD__SERVICES__LEASES__V1__LIST_REQUEST__INIT;
	Containerd__Services__Leases__V1__DeleteRequest delete =
		CONTAINERD__SERVICES__LEASES__V1__DELETE_REQUEST__INIT;
	struct ctr_rpc_call rc;

	create.id = lent_text("l");
	Containerd__Services__Leases__V1__CreateResponse *made =
		fake_get(k, LEASES, "Create", &create,
			 &containerd__services__leases__v1__create_response__descriptor);

	assert_string_equal(made->lease->id, "l");
	assert_non_null(made->lease->created_at);
	fake_free(made);
	fake_call_init(k, &rc);
	add.id = lent_text("l");
	assert_int_equal(fake_run(k, &rc, LEASES, "AddResource", &add), CTR_UNIMPLEMENTED);
	resource.type = lent_text("snapshots/overlayfs");
	resource.id = lent_text("key");
	add.resource = &resource;
	assert_int_equal(fake_run(k, &rc, LEASES, "AddResource", &add), CTR_OK);
	fake_call_done(&rc);
	list.id = lent_text("l");
	Containerd__Services__Leases__V1__ListResourcesResponse *held =
		fake_get(k, LEASES, "ListResources", &list,
			 &containerd__services__leases__v1__list_resources_response__descriptor);

	assert_int_equal(held->n_resources, 1);
	assert_string_equal(held->resources[0]->type, "snapshots/overlayfs");
	fake_free(held);
	Containerd__Services__Leases__V1__ListResponse *listed =
		fake_get(k, LEASES, "List", &all,
			 &containerd__services__leases__v1__list_response__descriptor);

	assert_int_equal(listed->n_leases, 1);
	fake_free(listed);
	delete.id = lent_text("none");
	assert_int_equal(fake_run(k, &rc, LEASES, "Delete", &delete), CTR_NOT_FOUND);
}

static void test_images(void **state)
{
	struct fake *k = *state;
	Containerd__Services__Images__V1__Image image =
		CONTAINERD__SERVICES__IMAGES__V1__IMAGE__INIT;
	Containerd__Types__Descriptor target = CONTAINERD__TYPES__DESCRIPTOR__INIT;
	Containerd__Services__Images__V1__CreateImageRequest create =
		CONTAINERD__SERVICES__IMAGES__V1__CREATE_IMAGE_REQUEST__INIT;
	Containerd__Services__Images__V1__GetImageRequest get =
		CONTAINERD__SERVICES__IMAGES__V1__GET_IMAGE_REQUEST__INIT;
	Containerd__Services__Images__V1__DeleteImageRequest delete =
		CONTAINERD__SERVICES__IMAGES__V1__DELETE_IMAGE_REQUEST__INIT;
	Google__Protobuf__Timestamp epoch = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	struct ctr_rpc_call rc;

	fake_call_init(k, &rc);
	image.name = lent_text("alpine");
	create.image = &image;
	assert_int_equal(fake_run(k, &rc, IMAGES, "Create", &create), CTR_INVALID_ARGUMENT);
	target.media_type = lent_text("m");
	target.digest = lent_text(DIGEST_A);
	target.size = 12;
	image.target = &target;
	epoch.seconds = 1000;
	create.source_date_epoch = &epoch;
	Containerd__Services__Images__V1__CreateImageResponse *made =
		fake_get(k, IMAGES, "Create", &create,
			 &containerd__services__images__v1__create_image_response__descriptor);

	assert_int_equal(made->image->created_at->seconds, 1000);
	fake_free(made);
	get.name = lent_text("alpine");
	Containerd__Services__Images__V1__GetImageResponse *got =
		fake_get(k, IMAGES, "Get", &get,
			 &containerd__services__images__v1__get_image_response__descriptor);

	assert_string_equal(got->image->target->digest, DIGEST_A);
	assert_int_equal(got->image->target->size, 12);
	fake_free(got);
	delete.name = lent_text("alpine");
	target.digest = lent_text(DIGEST_B);
	delete.target = &target;
	assert_int_equal(fake_run(k, &rc, IMAGES, "Delete", &delete), CTR_NOT_FOUND);
	delete.target = NULL;
	delete.sync = 1;
	assert_int_equal(fake_run(k, &rc, IMAGES, "Delete", &delete), CTR_PENDING);
	assert_true(pool_drain(k->f->d.bulk, INT64_MAX) >= 0);
	assert_int_equal(rc.finished, 1);
	assert_int_equal(rc.code, CTR_OK);
	assert_int_equal(rc.n_replies, 1);
	fake_call_done(&rc);
}

static void create_container(struct fake *k, const char *id)
{
	Containerd__Services__Containers__V1__Container c =
		CONTAINERD__SERVICES__CONTAINERS__V1__CONTAINER__INIT;
	Containerd__Services__Containers__V1__Container__Runtime runtime =
		CONTAINERD__SERVICES__CONTAINERS__V1__CONTAINER__RUNTIME__INIT;
	Containerd__Services__Containers__V1__Container__ExtensionsEntry extension =
		CONTAINERD__SERVICES__CONTAINERS__V1__CONTAINER__EXTENSIONS_ENTRY__INIT;
	Containerd__Services__Containers__V1__Container__ExtensionsEntry *extensions[] = {
		&extension
	};
	Containerd__Services__Containers__V1__CreateContainerRequest create =
		CONTAINERD__SERVICES__CONTAINERS__V1__CREATE_CONTAINER_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	static uint8_t bytes[] = { 0, 1, 0xff };

	any.type_url = lent_text("types.containerd.io/x");
	any.value.data = bytes;
	any.value.len = sizeof(bytes);
	runtime.name = lent_text("io.containerd.runc.v2");
	c.id = lent_text(id);
	c.runtime = &runtime;
	c.spec = &any;
	extension.key = lent_text("e");
	extension.value = &any;
	c.extensions = extensions;
	c.n_extensions = 1;
	create.container = &c;
	Containerd__Services__Containers__V1__CreateContainerResponse *made = fake_get(
		k, CONTAINERS, "Create", &create,
		&containerd__services__containers__v1__create_container_response__descriptor);

	assert_string_equal(made->container->id, id);
	assert_int_equal(made->container->spec->value.len, 3);
	assert_memory_equal(made->container->spec->value.data, bytes, 3);
	assert_null(made->container->runtime->options);
	assert_string_equal(made->container->extensions[0]->value->type_url,
			    "types.containerd.io/x");
	fake_free(made);
}

static void test_containers(void **state)
{
	struct fake *k = *state;
	Containerd__Services__Containers__V1__ListContainersRequest list =
		CONTAINERD__SERVICES__CONTAINERS__V1__LIST_CONTAINERS_REQUEST__INIT;
	Containerd__Services__Containers__V1__CreateContainerRequest none =
		CONTAINERD__SERVICES__CONTAINERS__V1__CREATE_CONTAINER_REQUEST__INIT;
	Containerd__Services__Containers__V1__DeleteContainerRequest delete =
		CONTAINERD__SERVICES__CONTAINERS__V1__DELETE_CONTAINER_REQUEST__INIT;
	char *filter = lent_text("id==b");
	struct ctr_rpc_call rc;

	create_container(k, "a");
	create_container(k, "b");
	Containerd__Services__Containers__V1__ListContainersResponse *all = fake_get(
		k, CONTAINERS, "List", &list,
		&containerd__services__containers__v1__list_containers_response__descriptor);

	assert_int_equal(all->n_containers, 2);
	fake_free(all);
	list.filters = &filter;
	list.n_filters = 1;
	Containerd__Services__Containers__V1__ListContainersResponse *one = fake_get(
		k, CONTAINERS, "List", &list,
		&containerd__services__containers__v1__list_containers_response__descriptor);

	assert_int_equal(one->n_containers, 1);
	fake_free(one);
	fake_call_init(k, &rc);
	assert_int_equal(fake_run(k, &rc, CONTAINERS, "Create", &none), CTR_INVALID_ARGUMENT);
	delete.id = lent_text("a");
	assert_int_equal(fake_run(k, &rc, CONTAINERS, "Delete", &delete), CTR_OK);
	assert_int_equal(fake_run(k, &rc, CONTAINERS, "Delete", &delete), CTR_NOT_FOUND);
	fake_call_done(&rc);
}

static void test_a_stream_pauses_for_a_slow_reader(void **state)
{
	struct fake *k = *state;
	Containerd__Services__Containers__V1__ListContainersRequest list =
		CONTAINERD__SERVICES__CONTAINERS__V1__LIST_CONTAINERS_REQUEST__INIT;
	struct ctr_rpc_call rc;

	create_container(k, "a");
	create_container(k, "b");
	create_container(k, "c");
	fake_call_init(k, &rc);
	rc.queued = UINT64_MAX;
	assert_int_equal(fake_run(k, &rc, CONTAINERS, "ListStream", &list), CTR_PENDING);
	assert_int_equal(rc.n_replies, 0);
	assert_non_null(rc.drained);
	assert_int_equal(container_remove(&k->f->d, &k->f->call, "b", &k->err), CTR_OK);
	rc.queued = 0;
	rc.drained(rc.drained_ud);
	assert_int_equal(rc.n_replies, 2); /* b has gone meanwhile */
	assert_int_equal(rc.finished, 1);
	assert_int_equal(rc.code, CTR_OK);
	fake_close(k, &rc, CONTAINERS, "ListStream");
	fake_call_done(&rc);
	fake_call_init(k, &rc);
	assert_int_equal(fake_run(k, &rc, CONTAINERS, "ListStream", &list), CTR_OK);
	assert_int_equal(rc.n_replies, 2);
	fake_close(k, &rc, CONTAINERS, "ListStream");
	fake_call_done(&rc);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		T(test_namespaces),
		T(test_leases),
		T(test_images),
		T(test_containers),
		T(test_a_stream_pauses_for_a_slow_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
