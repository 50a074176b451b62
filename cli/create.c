/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a container. The container's record refers to its snapshot, and the snapshot carries a
 * root label until it is removed by name: whichever of the two concurrent requests comes first,
 * collection takes neither.
 */
#include "cli/create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/ident.h"
#include "base/io.h"
#include "base/rand.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/facts.h"
#include "cli/files.h"
#include "cli/loguri.h"
#include "cli/pbutil.h"
#include "cli/pull.h"
#include "cli/rootfs.h"
#include "cli/unpack.h"
#include "containerd/runc/v1/oci.pb-c.h"

#define LABELS_MAX 512

struct making {
	struct cli *c;
	struct made *made;
	struct facts facts;
	struct image image;
	struct platform platform;
	struct oci_host host;
	struct spec_input spec;
	struct container_files files;
	struct pair labels[LABELS_MAX];
	size_t n_labels;
	char **label_strings;
	char *full_name, *cgroup, *extra_hosts, *root_time;
};

static void making_done(struct making *m)
{
	facts_done(&m->facts);
	image_done(&m->image);
	spec_input_done(&m->spec);
	container_files_done(&m->files);
	strv_free(m->label_strings);
	free(m->full_name);
	free(m->cgroup);
	free(m->extra_hosts);
	free(m->root_time);
}

void made_done(struct made *m)
{
	free(m->name);
	free(m->container); /* its members are borrowed from here and from the daemon's answer */
	pb_free(m->mounts);
	free(m->spec);
	free(m->log_path);
	free(m->log_uri);
	free(m->snapshotter);
	*m = (struct made){ 0 };
}

static ctr_code check_flags(struct cli *c, int detached, struct made *made, struct ctr_error *err)
{
	const char *restart = arg_text(&c->args, "restart");
	const char *name = arg_text(&c->args, "name");
	const char *stop = arg_text(&c->args, "stop-signal");
	const char *policy = arg_text(&c->args, "pull");

	if (restart && !str_eq(restart, "no") && restart[0])
		return ctr_fail(err, CTR_UNIMPLEMENTED,
				"--restart '%s': restarting containers does not exist yet; leave "
				"the flag out",
				restart);
	if (name && !ident_valid(name))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"--name '%s': letters and digits, single '.', '_' or '-' between "
				"them, at most %d bytes",
				name, IDENT_MAX);
	if (stop && oci_signal_parse(stop) < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "--stop-signal '%s' is no signal", stop);
	if (policy && !str_eq(policy, "missing") && !str_eq(policy, "always") &&
	    !str_eq(policy, "never"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "--pull '%s': always, missing or never",
				policy);
	if (detached && arg_on(&c->args, "rm"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"--rm does not go with -d: nobody would be there to do it");
	made->tty = arg_on(&c->args, "tty");
	made->input = arg_on(&c->args, "interactive");
	made->name = str_dup(name);
	return CTR_OK;
}

static ctr_code pull(struct making *m, struct ctr_error *err)
{
	const struct pull p = {
		.name = m->full_name,
		.platform = &m->platform,
		.snapshotter = m->facts.snapshotter,
	};

	return image_pull(m->c, &p, err);
}

static ctr_code load(struct making *m, int fresh, struct ctr_error *err)
{
	AUTO_PB IMAGES(Image) *stored = NULL;
	ctr_code code = image_find(m->c, m->c->args.rest[0], &stored, err);

	if (code != CTR_OK)
		return code;
	image_done(&m->image);
	return image_load(m->c, stored, &m->platform, fresh, &m->image, err);
}

static ctr_code find_image(struct making *m, struct ctr_error *err)
{
	const char *policy = str_or(arg_text(&m->c->args, "pull"), "missing");
	const char *name = m->c->args.rest[0];
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code;

	code = platform_parse(arg_text(&m->c->args, "platform"), &m->platform, err);
	if (code == CTR_OK)
		code = image_full_name(name, &m->full_name, err);
	if (code != CTR_OK)
		return code;
	if (str_eq(policy, "always")) {
		code = facts_take(&m->facts, err);
		if (code == CTR_OK)
			code = pull(m, err);
		return code == CTR_OK ? load(m, 0, err) : code;
	}
	code = load(m, 0, &why);
	if (code == CTR_OK || code != CTR_NOT_FOUND || str_eq(policy, "never"))
		return ctr_move_error(err, &why);
	cli_note("image '%s' is not here: pulling it", m->full_name);
	code = facts_take(&m->facts, err);
	if (code == CTR_OK)
		code = pull(m, err);
	return code == CTR_OK ? load(m, 0, err) : code;
}

static ctr_code add_label(struct making *m, const char *key, const char *value,
			  struct ctr_error *err)
{
	for (size_t i = 0; i < m->n_labels; i++) {
		if (str_eq(m->labels[i].key, key)) {
			m->labels[i].value = value;
			return CTR_OK;
		}
	}
	if (m->n_labels == LABELS_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "more than %d labels", LABELS_MAX);
	m->labels[m->n_labels++] = (struct pair){ key, value };
	return CTR_OK;
}

static ctr_code user_labels(struct making *m, struct ctr_error *err)
{
	char *const *list = arg_list(&m->c->args, "label");
	ctr_code code = CTR_OK;

	for (size_t i = 0; code == CTR_OK && list[i]; i++) {
		const char *equals = strchr(list[i], '=');
		AUTO_FREE char *key =
			str_ndup(list[i], equals ? (size_t)(equals - list[i]) : strlen(list[i]));

		if (!key || !key[0] || !label_valid(key, equals ? equals + 1 : ""))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"--label '%s' is not of the form key=value", list[i]);
		if (strv_push(&m->label_strings, key) < 0)
			return ctr_fail_errno(err, ENOMEM, "labels");
		code = add_label(m, m->label_strings[strv_len(m->label_strings) - 1],
				 equals ? equals + 1 : "", err);
	}
	return code;
}

static ctr_code labels(struct making *m, struct ctr_error *err)
{
	const struct oci_image_config *config = &m->image.config;
	const char *stop = str_or(arg_text(&m->c->args, "stop-signal"), config->stop_signal);
	ctr_code code = CTR_OK;

	for (size_t i = 0; code == CTR_OK && config->label_keys && config->label_keys[i]; i++) {
		if (oci_label_copyable(config->label_keys[i], config->label_values[i]) &&
		    m->n_labels < LABELS_MAX / 2)
			code = add_label(m, config->label_keys[i], config->label_values[i], err);
	}
	if (code == CTR_OK)
		code = user_labels(m, err);
	if (code == CTR_OK && m->made->name)
		code = add_label(m, LABEL_NAME, m->made->name, err);
	if (code == CTR_OK && stop && oci_signal_parse(stop) > 0)
		code = add_label(m, LABEL_STOP_SIGNAL, stop, err);
	if (code == CTR_OK && m->made->log_path)
		code = add_label(m, LABEL_LOG, m->made->log_path, err);
	if (code == CTR_OK && m->made->log_uri)
		code = add_label(m, LABEL_LOG_URI, m->made->log_uri, err);
	if (code == CTR_OK && m->spec.o.host_network)
		code = add_label(m, LABEL_NET, "host", err);
	if (code == CTR_OK && m->extra_hosts)
		code = add_label(m, LABEL_HOSTS, m->extra_hosts, err);
	return code;
}

static ctr_code extra_hosts(struct making *m, struct ctr_error *err)
{
	char *const *list = arg_list(&m->c->args, "add-host");
	AUTO_BUF b = BUF_INIT(2048);

	for (size_t i = 0; list[i]; i++) {
		const char *colon = strchr(list[i], ':');

		if (!colon || colon == list[i] || !colon[1] || strpbrk(list[i], " \t\n"))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"--add-host '%s' is not of the form name:address", list[i]);
		buf_printf(&b, "%s%s", b.len ? " " : "", list[i]);
	}
	if (b.len == 0)
		return CTR_OK;
	m->extra_hosts = buf_take(&b, NULL);
	return m->extra_hosts ? CTR_OK
			      : ctr_fail(err, CTR_INVALID_ARGUMENT, "--add-host: too long");
}

/* The spec, once the user is known. */
static ctr_code build_spec(struct making *m, struct ctr_error *err)
{
	struct oci_options *o = &m->spec.o;
	ctr_code code;

	code = files_write(m->c, m->made->id, o->hostname, !o->host_network,
			   arg_list(&m->c->args, "add-host"), &m->files, err);
	if (code != CTR_OK)
		return code;
	o->hosts_file = m->files.hosts;
	o->hostname_file = m->files.hostname;
	o->resolv_file = m->files.resolv;
	m->cgroup = str_printf("/%s/%s", m->c->ns, m->made->id);
	if (!m->cgroup)
		return ctr_fail_errno(err, ENOMEM, "cgroup path");
	o->cgroups_path = m->cgroup;
	return oci_spec_build(o, &m->host, &m->made->spec, err);
}

static ctr_code start_prepare(struct making *m, struct rpc_pending **ret, struct ctr_error *err)
{
	SNAPSHOTS(PrepareSnapshotRequest) req = SNAPSHOTS_INIT(PREPARE_SNAPSHOT_REQUEST);
	const struct pair label = { "containerd.io/gc.root", m->root_time };
	struct rpc *rpc;
	ctr_code code = cli_rpc(m->c, &rpc, err);

	if (code != CTR_OK)
		return code;
	req.snapshotter = m->made->snapshotter;
	req.key = m->made->id;
	req.parent = m->image.chain;
	req.labels = pb_map_new(
		&containerd__services__snapshots__v1__prepare_snapshot_request__labels_entry__descriptor,
		&label, 1);
	req.n_labels = req.labels ? 1 : 0;
	code = rpc_start(rpc, SNAPSHOTS_SERVICE, "Prepare", &req, ret, err);
	pb_map_free(req.labels, req.n_labels);
	return code;
}

/*
 * A bare word, such as "crun", is the program that the standard runtime calls: containerd's names
 * have dots, those of shims slashes.
 */
static const char *runtime_program(const struct cli *c)
{
	const char *runtime = arg_text(&c->args, "runtime");

	return runtime && *runtime && !strpbrk(runtime, "./") ? runtime : NULL;
}

static const char *runtime_name(const struct cli *c)
{
	return runtime_program(c) ? DEFAULT_RUNTIME
				  : str_or(arg_text(&c->args, "runtime"), DEFAULT_RUNTIME);
}

/* Nothing when the runtime is to choose the program. */
static int runtime_options(const struct cli *c, Google__Protobuf__Any *ret)
{
	Containerd__Runc__V1__Options options;

	if (!runtime_program(c))
		return 0;
	containerd__runc__v1__options__init(&options); /* its initializer names deprecated fields */
	options.binary_name = pb_str(runtime_program(c));
	return pb_any_pack(&options, PB_MAX, ret);
}

static ctr_code start_create(struct making *m, struct rpc_pending **ret, struct ctr_error *err)
{
	CONTAINERS(CreateContainerRequest) req = CONTAINERS_INIT(CREATE_CONTAINER_REQUEST);
	CONTAINERS(Container) *k = m->made->container;
	CONTAINERS(Container__Runtime) runtime = CONTAINERS_INIT(CONTAINER__RUNTIME);
	Google__Protobuf__Any spec = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any options = GOOGLE__PROTOBUF__ANY__INIT;
	struct rpc *rpc;
	ctr_code code = cli_rpc(m->c, &rpc, err);

	if (code == CTR_OK && runtime_options(m->c, &options) < 0)
		code = ctr_fail_errno(err, ENOMEM, "runtime options");
	if (code != CTR_OK)
		return code;
	runtime.name = pb_str(runtime_name(m->c));
	runtime.options = *pb_any_name(&options) ? &options : NULL;
	spec.type_url = pb_str(OCI_SPEC_TYPE_URL);
	spec.value.data = (uint8_t *)m->made->spec;
	spec.value.len = strlen(m->made->spec);
	k->id = m->made->id;
	k->image = m->image.name;
	k->runtime = &runtime;
	k->spec = &spec;
	k->snapshotter = m->made->snapshotter;
	k->snapshot_key = m->made->id;
	k->labels = pb_map_new(
		&containerd__services__containers__v1__container__labels_entry__descriptor,
		m->labels, m->n_labels);
	k->n_labels = k->labels ? m->n_labels : 0;
	req.container = k;
	code = rpc_start(rpc, CONTAINERS_SERVICE, "Create", &req, ret, err);
	pb_map_free(k->labels, k->n_labels);
	pb_any_done(&options);
	*k = (CONTAINERS(Container))CONTAINERS_INIT(CONTAINER);
	k->id = m->made->id;
	k->snapshotter = m->made->snapshotter;
	k->snapshot_key = m->made->id;
	return code;
}

/* The image is here, its snapshots for this snapshotter are not. */
static ctr_code unpack(struct making *m, struct ctr_error *err)
{
	AUTO_PB IMAGES(Image) *stored = NULL;
	ctr_code code;

	cli_note("image '%s' is not unpacked for '%s': doing so", m->image.name,
		 m->made->snapshotter);
	code = image_find(m->c, m->image.name, &stored, err);
	if (code != CTR_OK)
		return code;
	free(take_ptr(&m->image.chain));
	return image_unpack(m->c, stored, &m->platform, m->made->snapshotter, &m->image.chain, err);
}

/* The parent is not there for this snapshotter: unpack and ask again. */
static ctr_code prepare_again(struct making *m, struct ctr_error *err)
{
	AUTO_PENDING p = NULL;
	ctr_code code = unpack(m, err);

	if (code == CTR_OK)
		code = start_prepare(m, &p, err);
	return code == CTR_OK ? rpc_finish(take_ptr(&p), &m->made->mounts, err) : code;
}

static ctr_code finish_prepare(struct making *m, struct rpc_pending *p, struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = rpc_finish(p, &m->made->mounts, &why);

	if (code == CTR_NOT_FOUND)
		return prepare_again(m, err);
	return ctr_move_error(err, &why);
}

/* A user's name needs the files of the snapshot, so that comes first. */
static ctr_code store_slowly(struct making *m, const char *user, struct ctr_error *err)
{
	AUTO_PENDING p = NULL;
	ctr_code code = start_prepare(m, &p, err);

	if (code == CTR_OK)
		code = finish_prepare(m, take_ptr(&p), err);
	if (code == CTR_OK)
		code = rootfs_user(m->made->mounts->mounts, m->made->mounts->n_mounts, user,
				   arg_list(&m->c->args, "group-add"), &m->spec.o.process.user,
				   err);
	if (code == CTR_OK)
		code = build_spec(m, err);
	if (code == CTR_OK)
		code = start_create(m, &p, err);
	return code == CTR_OK ? rpc_finish(take_ptr(&p), NULL, err) : code;
}

static ctr_code store_at_once(struct making *m, struct ctr_error *err)
{
	AUTO_PENDING create = NULL;
	AUTO_PENDING prepare = NULL;
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code = build_spec(m, err), other;

	if (code == CTR_OK)
		code = start_create(m, &create, err);
	if (code == CTR_OK)
		code = start_prepare(m, &prepare, err);
	if (code != CTR_OK)
		return code;
	code = rpc_finish(take_ptr(&create), NULL, err);
	other = finish_prepare(m, take_ptr(&prepare), &why);
	if (code == CTR_OK && other != CTR_OK)
		code = ctr_move_error(err, &why);
	return code;
}

static ctr_code store(struct making *m, struct ctr_error *err)
{
	const char *user = str_or(arg_text(&m->c->args, "user"), m->image.config.user);
	char now[RFC3339_ROOM];
	ctr_code code;

	clock_rfc3339(clock_wall_ns(), now);
	m->root_time = str_dup(now);
	m->made->container = calloc(1, sizeof(*m->made->container));
	if (!m->root_time || !m->made->container)
		return ctr_fail_errno(err, ENOMEM, "container");
	*m->made->container = (CONTAINERS(Container))CONTAINERS_INIT(CONTAINER);
	m->made->container->id = m->made->id;
	m->made->container->snapshotter = m->made->snapshotter;
	m->made->container->snapshot_key = m->made->id;
	code = m->image.chain[0] ? CTR_OK : unpack(m, err);
	if (code != CTR_OK)
		return code;
	if (oci_user_trivial(user, arg_list(&m->c->args, "group-add"), &m->spec.o.process.user))
		code = store_at_once(m, err);
	else
		code = store_slowly(m, user, err);
	if (code == CTR_OK && m->made->name)
		code = container_name_free(m->c, m->made->name, m->made->id, err);
	if (code != CTR_OK)
		container_unmake(m->c, m->made);
	return code;
}

void container_unmake(struct cli *c, const struct made *m)
{
	AUTO_ERROR ignored = ERROR_INIT;

	if (m->container)
		(void)container_remove(c, m->container, &ignored);
	files_remove(c, m->id, 1);
}

static ctr_code write_cidfile(struct cli *c, const struct made *made, struct ctr_error *err)
{
	const char *path = arg_text(&c->args, "cidfile");
	AUTO_CLOSE int fd = -1;
	int r;

	if (!path)
		return CTR_OK;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return ctr_fail_errno(err, errno, "--cidfile '%s'", path);
	r = io_write_full(fd, made->id, strlen(made->id));
	return r < 0 ? ctr_fail_errno(err, r, "--cidfile '%s'", path) : CTR_OK;
}

/*
 * The shim that writes logs itself is ours: by its own name, or by runc's where the daemon says
 * that it is mapped.
 */
static ctr_code choose_log(struct making *m, struct ctr_error *err)
{
	const char *runtime = runtime_name(m->c);
	int ctrlog = str_eq(runtime, OWN_RUNTIME) ||
		     (str_eq(runtime, DEFAULT_RUNTIME) && m->facts.ctrlog);
	ctr_code code = files_log_path(m->c, m->made->id, &m->made->log_path, err);

	if (code == CTR_OK)
		code = log_uri_make(&m->c->args, m->made->log_path, ctrlog, &m->made->log_uri, err);
	return code;
}

static ctr_code make(struct making *m, int detached, struct ctr_error *err)
{
	struct made *made = m->made;
	char short_text[80];
	ctr_code code;

	rand_hex(made->id, ID_LEN);
	code = facts_ask(m->c, arg_text(&m->c->args, "snapshotter"), detached, &m->facts, err);
	if (code == CTR_OK && made->name)
		code = container_name_free(m->c, made->name, NULL, err);
	if (code == CTR_OK)
		code = find_image(m, err);
	if (code == CTR_OK)
		code = facts_take(&m->facts, err);
	if (code == CTR_OK)
		code = extra_hosts(m, err);
	if (code == CTR_OK && detached)
		code = choose_log(m, err);
	if (code != CTR_OK)
		return code;
	made->snapshotter = str_dup(m->facts.snapshotter);
	short_id(made->id, short_text);
	m->spec.o.hostname = str_or(arg_text(&m->c->args, "hostname"), short_text);
	oci_host_probe(&m->host);
	code = spec_input_fill(m->c, &m->image, &m->host, &m->spec, err);
	if (code == CTR_OK)
		code = labels(m, err);
	return code == CTR_OK ? store(m, err) : code;
}

ctr_code container_make(struct cli *c, int detached, struct made *ret, struct ctr_error *err)
{
	struct making m = { .c = c };
	AUTO_MADE made = { 0 };
	ctr_code code = check_flags(c, detached, &made, err);

	if (code != CTR_OK)
		return code;
	m.made = &made;
	code = make(&m, detached, err);
	if (code != CTR_OK) {
		files_remove(c, made.id, 1);
	} else {
		code = write_cidfile(c, &made, err);
		if (code != CTR_OK)
			container_unmake(c, &made);
	}
	making_done(&m);
	if (code != CTR_OK)
		return code;
	*ret = made;
	made = (struct made){ 0 };
	/* the record borrows from what moved */
	ret->container->id = ret->id;
	ret->container->snapshotter = ret->snapshotter;
	ret->container->snapshot_key = ret->id;
	return CTR_OK;
}
