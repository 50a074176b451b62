/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding and removing containers.
 */
#include "cli/container.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ident.h"
#include "base/str.h"
#include "cli/files.h"
#include "cli/pbutil.h"

#define MATCHES_SHOWN 5

static int is_hex(const char *s)
{
	return *s && strspn(s, "0123456789abcdef") == strlen(s);
}

void short_id(const char *id, char ret[80])
{
	int whole = strlen(id) != ID_LEN || !is_hex(id);

	(void)snprintf(ret, 80, "%.*s", whole ? 79 : SHORT_ID, id);
}

const char *container_label(const CONTAINERS(Container) *k, const char *key)
{
	return pb_map_get(k->labels, k->n_labels, key);
}

void container_title(const CONTAINERS(Container) *k, int full, char ret[80])
{
	const char *name = container_label(k, LABEL_NAME);

	if (name)
		(void)snprintf(ret, 80, "%s", name);
	else if (full)
		(void)snprintf(ret, 80, "%s", k->id);
	else
		short_id(k->id, ret);
}

char *container_name_filter(const char *name)
{
	return str_printf("labels.\"" LABEL_NAME "\"==\"%s\"", name);
}

static ctr_code list(struct cli *c, char **filters, size_t n,
		     CONTAINERS(ListContainersResponse) **ret, struct ctr_error *err)
{
	CONTAINERS(ListContainersRequest) req = CONTAINERS_INIT(LIST_CONTAINERS_REQUEST);

	req.filters = filters;
	req.n_filters = n;
	return cli_call(c, CONTAINERS_SERVICE, "List", &req, ret, err);
}

/* "'x' begins the ids of several containers: a, b" */
static ctr_code ambiguous(const CONTAINERS(ListContainersResponse) *resp, const char *name,
			  struct ctr_error *err)
{
	AUTO_BUF b = BUF_INIT(4096);
	size_t shown = 0;

	for (size_t i = 0; i < resp->n_containers && shown < MATCHES_SHOWN; i++) {
		char id[80];

		if (!str_starts(resp->containers[i]->id, name))
			continue;
		short_id(resp->containers[i]->id, id);
		buf_printf(&b, "%s%s", shown++ ? ", " : "", id);
	}
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' begins the ids of several containers: %s",
			name, b.data ? b.data : "");
}

/* An exact id, then a name, then the beginning of one id. */
static ctr_code choose(CONTAINERS(ListContainersResponse) *resp, const char *name,
		       CONTAINERS(Container) **ret, struct ctr_error *err)
{
	CONTAINERS(Container) **slot = NULL;
	int rank = 0, count = 0;

	for (size_t i = 0; i < resp->n_containers; i++) {
		CONTAINERS(Container) *k = resp->containers[i];
		const char *label = container_label(k, LABEL_NAME);
		int r = str_eq(k->id, name)            ? 3
			: label && str_eq(label, name) ? 2
			: str_starts(k->id, name)      ? 1
						       : 0;

		if (r > rank) {
			rank = r;
			count = 0;
			slot = &resp->containers[i];
		}
		count += r > 0 && r == rank;
	}
	if (!slot)
		return ctr_fail(err, CTR_NOT_FOUND, "no container '%s'", name);
	if (rank == 1 && count > 1)
		return ambiguous(resp, name, err);
	*ret = *slot;
	*slot = resp->containers[--resp->n_containers];
	return CTR_OK;
}

ctr_code container_find(struct cli *c, const char *name, CONTAINERS(Container) **ret,
			struct ctr_error *err)
{
	AUTO_PB CONTAINERS(ListContainersResponse) *resp = NULL;
	AUTO_FREE char *by_id = NULL, *by_name = NULL, *by_prefix = NULL;
	char *filters[3];
	size_t n = 2;
	ctr_code code;

	if (!ident_valid(name))
		return ctr_fail(err, CTR_NOT_FOUND, "no container '%s'", name);
	by_id = str_printf("id==\"%s\"", name);
	by_name = container_name_filter(name);
	by_prefix = str_printf("id~=\"^%s\"", name);
	if (!by_id || !by_name || !by_prefix)
		return ctr_fail_errno(err, ENOMEM, "container");
	filters[0] = by_id;
	filters[1] = by_name;
	if (is_hex(name) && strlen(name) < ID_LEN)
		filters[n++] = by_prefix;
	code = list(c, filters, n, &resp, err);
	return code == CTR_OK ? choose(resp, name, ret, err) : code;
}

ctr_code container_id(struct cli *c, const char *name, char **ret, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(Container) *k = NULL;
	ctr_code code;

	/* a whole id needs no look-up */
	if (strlen(name) == ID_LEN && is_hex(name)) {
		*ret = str_dup(name);
		return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "container");
	}
	code = container_find(c, name, &k, err);
	if (code != CTR_OK)
		return code;
	*ret = str_dup(k->id);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "container");
}

ctr_code container_spec(const CONTAINERS(Container) *k, json_t **ret, struct ctr_error *err)
{
	json_error_t why;

	if (!k->spec || k->spec->value.len == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "container '%s' has no spec", k->id);
	*ret = json_loadb((const char *)k->spec->value.data, k->spec->value.len, 0, &why);
	if (!*ret)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "spec of container '%s': %s", k->id,
				why.text);
	return CTR_OK;
}

/* Which of two holders of a name keeps it: the older one, by id if they are of the same instant. */
static int goes_before(const CONTAINERS(Container) *a, const CONTAINERS(Container) *b)
{
	int64_t at = pb_timestamp_ns(a->created_at), bt = pb_timestamp_ns(b->created_at);

	return at != bt ? at < bt : strcmp(a->id, b->id) < 0;
}

ctr_code container_name_free(struct cli *c, const char *name, const char *id, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(ListContainersResponse) *resp = NULL;
	AUTO_FREE char *filter = container_name_filter(name);
	const CONTAINERS(Container) *own = NULL;
	char *filters[] = { filter };
	ctr_code code;

	if (!filter)
		return ctr_fail_errno(err, ENOMEM, "name '%s'", name);
	code = list(c, filters, 1, &resp, err);
	if (code != CTR_OK)
		return code;
	for (size_t i = 0; id && i < resp->n_containers; i++) {
		if (str_eq(resp->containers[i]->id, id))
			own = resp->containers[i];
	}
	for (size_t i = 0; i < resp->n_containers; i++) {
		char short_text[80];

		if (resp->containers[i] == own || (own && !goes_before(resp->containers[i], own)))
			continue;
		short_id(resp->containers[i]->id, short_text);
		return ctr_fail(err, CTR_ALREADY_EXISTS,
				"the name '%s' is taken by container %s: remove or rename it", name,
				short_text);
	}
	return CTR_OK;
}

ctr_code task_get(struct cli *c, const char *id, const char *exec_id, TASKS(GetResponse) **ret,
		  struct ctr_error *err)
{
	TASKS(GetRequest) req = TASKS_INIT(GET_REQUEST);

	req.container_id = pb_str(id);
	req.exec_id = pb_str(exec_id ? exec_id : "");
	ctr_code code = cli_call(c, TASKS_SERVICE, "Get", &req, ret, err);

	if (code == CTR_OK && !(*ret)->process) {
		pb_free(take_ptr(ret));
		return ctr_fail(err, CTR_INTERNAL, "the daemon's answer for task '%s' is empty",
				id);
	}
	return code;
}

const char *task_state_text(int status)
{
	static const char *const names[] = { "unknown", "created", "running",
					     "exited",  "paused",  "pausing" };

	return status >= 0 && (size_t)status < ARRAY_SIZE(names) ? names[status] : "unknown";
}

ctr_code container_remove(struct cli *c, const CONTAINERS(Container) *k, struct ctr_error *err)
{
	CONTAINERS(DeleteContainerRequest) req = CONTAINERS_INIT(DELETE_CONTAINER_REQUEST);
	SNAPSHOTS(RemoveSnapshotRequest) snap = SNAPSHOTS_INIT(REMOVE_SNAPSHOT_REQUEST);
	AUTO_PENDING first = NULL;
	AUTO_PENDING second = NULL;
	AUTO_ERROR why = ERROR_INIT;
	struct rpc *rpc;
	ctr_code code;

	/* both at once: two rows of one commit */
	req.id = k->id;
	snap.snapshotter = k->snapshotter;
	snap.key = k->snapshot_key;
	code = cli_rpc(c, &rpc, err);
	if (code == CTR_OK)
		code = rpc_start(rpc, CONTAINERS_SERVICE, "Delete", &req, &first, err);
	if (code == CTR_OK && k->snapshot_key[0])
		code = rpc_start(rpc, SNAPSHOTS_SERVICE, "Remove", &snap, &second, err);
	if (code != CTR_OK)
		return code;
	code = rpc_finish(take_ptr(&first), NULL, err);
	if (second) {
		ctr_code other = rpc_finish(take_ptr(&second), NULL, &why);

		if (code == CTR_OK && other != CTR_OK && other != CTR_NOT_FOUND)
			code = ctr_move_error(err, &why);
	}
	if (code == CTR_OK || code == CTR_NOT_FOUND)
		files_remove(c, k->id, container_label(k, LABEL_LOG) != NULL);
	return code;
}
