/* SPDX-License-Identifier: Apache-2.0
 *
 * An image that is unpacked, as a chain of tasks, and what is written when all of a pull is there:
 * bytes of snapshots made durable once, then their records from the bottom up, then the labels that
 * keep everything. Coordinator only.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/str.h"
#include "core/transfer/pull.h"

void unit_free(struct unit *u)
{
	if (!u)
		return;
	for (size_t i = 0; u->tasks && i < u->n; i++)
		task_done(&u->tasks[i]);
	list_del(&u->link);
	worker_reply_done(&u->manifest);
	worker_reply_done(&u->config);
	free(u->tasks);
	free(u->chains);
	free(u->snapshotter);
	free(u->config_digest);
	free(u);
}

static int known(struct pull *p, const char *snapshotter, const char *config_digest)
{
	list_for (it, &p->units) {
		struct unit *u = list_entry(it, struct unit, link);

		if (str_eq(u->snapshotter, snapshotter) && str_eq(u->config_digest, config_digest))
			return 1;
	}
	return 0;
}

/* The layers among what a manifest lists, each with the diff id that the config has for it. */
static ctr_code fill_tasks(struct unit *u, struct ctr_error *err)
{
	const WORKER(ParsedManifest) *m = u->manifest.msg->manifest;
	const WORKER(ParsedConfig) *c = u->config.msg->config;
	size_t n = 0;

	for (size_t i = 0; i < m->n_layers; i++) {
		const WORKER(Descriptor) *d = m->layers[i];
		struct task *t = &u->tasks[n];

		if (!media_is_layer(d->media_type))
			continue;
		if (n >= u->n)
			break;
		*t = (struct task){
			.unit = u,
			.index = n,
			.blob = blob_get(u->pull, "layer", d, ""),
			.diff_id = c->diff_ids[n],
			.chain = u->chains[n],
			.parent = n ? u->chains[n - 1] : "",
			.event_fd = -1,
		};
		n++;
		if (!t->blob)
			return ctr_fail_errno(err, ENOMEM, "%s", u->pull->what);
	}
	return CTR_OK;
}

static ctr_code check_count(const struct unit *u, struct ctr_error *err)
{
	const WORKER(ParsedManifest) *m = u->manifest.msg->manifest;
	const WORKER(ParsedConfig) *c = u->config.msg->config;
	size_t n = 0, odd = 0;

	for (size_t i = m->n_layers; i-- > 0;) {
		if (media_is_layer(m->layers[i]->media_type))
			n++;
		else
			odd = i;
	}
	if (n < c->n_diff_ids && n < m->n_layers)
		return ctr_fail(err, CTR_UNIMPLEMENTED, "%s: layers[%zu]: unknown media type '%s'",
				u->pull->what, odd, m->layers[odd]->media_type);
	if (n != c->n_diff_ids)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"image config %s names %zu layers, the manifest has %zu",
				u->config_digest, c->n_diff_ids, n);
	return CTR_OK;
}

ctr_code unit_add(struct pull *p, const char *snapshotter, const char *config_digest,
		  struct worker_reply *manifest, struct worker_reply *config, struct ctr_error *err)
{
	const WORKER(ParsedConfig) *c = config->msg->config;
	struct unit *u;
	ctr_code code;

	if (known(p, snapshotter, config_digest))
		return CTR_OK;
	u = calloc(1, sizeof(*u));
	if (!u)
		return ctr_fail_errno(err, ENOMEM, "%s", p->what);
	u->pull = p;
	u->manifest.msg = take_ptr(&manifest->msg);
	u->config.msg = take_ptr(&config->msg);
	u->snapshotter = str_dup(snapshotter);
	u->config_digest = str_dup(config_digest);
	u->rebase = snapshotter_can(p->job->t->daemon, snapshotter, "rebase");
	u->tasks = calloc(c->n_diff_ids + 1, sizeof(*u->tasks));
	u->chains = calloc(c->n_diff_ids + 1, sizeof(*u->chains));
	list_add(&p->units, &u->link);
	if (!u->snapshotter || !u->config_digest || !u->tasks || !u->chains ||
	    chain_ids(c->diff_ids, c->n_diff_ids, u->chains) < 0)
		return ctr_fail_errno(err, ENOMEM, "%s", p->what);
	code = check_count(u, err);
	if (code != CTR_OK)
		return code;
	for (size_t i = 0; i < c->n_diff_ids; i++)
		u->tasks[i].event_fd = -1;
	u->n = c->n_diff_ids;
	return fill_tasks(u, err);
}

/* ---- the end ---- */

/* *ret_flags: what commits may say afterwards. */
static ctr_code sync_unit(struct unit *u, uint32_t *ret_flags, struct ctr_error *err)
{
	struct job *job = u->pull->job;
	AUTO_FREE const char **keys = calloc(u->n + 1, sizeof(*keys));
	size_t n = 0;
	ctr_code code;

	*ret_flags = 0;
	if (!keys)
		return ctr_fail_errno(err, ENOMEM, "%s", u->pull->what);
	for (size_t i = 0; i < u->n; i++)
		if (u->tasks[i].state == TASK_APPLIED)
			keys[n++] = u->tasks[i].key;
	if (n == 0)
		return CTR_OK;
	code = job->s.snapshots->sync(job->host, &job->call, u->snapshotter, keys, n, err);
	if (code == CTR_OK)
		*ret_flags = CTR_SNAPSHOT_SYNCED;
	return code == CTR_UNIMPLEMENTED ? CTR_OK : code;
}

/* What was there before the pull is held by its lease from here on. */
static ctr_code hold_there(struct unit *u, struct ctr_error *err)
{
	struct job *job = u->pull->job;
	const struct task *top = NULL;
	AUTO_FREE char *type = str_printf("snapshots/%s", u->snapshotter);
	struct ctr_lease_resource resource = { .size = sizeof(resource), .type = type };

	if (!type)
		return ctr_fail_errno(err, ENOMEM, "%s", u->pull->what);
	for (size_t i = 0; i < u->n; i++)
		if (u->tasks[i].state == TASK_THERE)
			top = &u->tasks[i];
	if (!top)
		return CTR_OK;
	resource.id = top->chain;
	return job->s.leases->add_resource(job->host, &job->call, job->call.lease, &resource, err);
}

static ctr_code commit_unit(struct unit *u, struct ctr_error *err)
{
	struct job *job = u->pull->job;
	uint32_t flags;
	ctr_code code = hold_there(u, err);

	if (code == CTR_OK)
		code = sync_unit(u, &flags, err);
	for (size_t i = 0; i < u->n && code == CTR_OK; i++) {
		struct task *t = &u->tasks[i];

		if (t->state != TASK_APPLIED)
			continue;
		code = task_commit(t, &job->call, flags, err);
		if (code == CTR_ALREADY_EXISTS)
			code = CTR_OK; /* a client was faster; ours is discarded at the end */
		if (code != CTR_OK)
			return ctr_wrap(err, "commit layer %s", t->blob->digest);
	}
	return code;
}

static ctr_code label_unit(struct unit *u, struct ctr_error *err)
{
	AUTO_FREE char *key = str_printf("containerd.io/gc.ref.snapshot.%s", u->snapshotter);
	ctr_code code = CTR_OK;

	for (size_t i = 0; i < u->n && code == CTR_OK; i++) {
		const struct task *t = &u->tasks[i];
		AUTO_LABELS l = META_LABELS_INIT;

		/* Only what was applied here was verified to be so. */
		if (t->state != TASK_APPLIED)
			continue;
		if (meta_labels_set(&l, "containerd.io/uncompressed", t->diff_id) < 0)
			return ctr_fail_errno(err, ENOMEM, "%s", u->pull->what);
		code = labels_add(u->pull->job, t->blob->digest, &l, err);
	}
	if (code == CTR_OK && u->n > 0) {
		AUTO_LABELS l = META_LABELS_INIT;

		if (!key || meta_labels_set(&l, key, u->chains[u->n - 1]) < 0)
			return ctr_fail_errno(err, ENOMEM, "%s", u->pull->what);
		code = labels_add(u->pull->job, u->config_digest, &l, err);
	}
	return code;
}

ctr_code units_commit(struct pull *p, struct ctr_error *err)
{
	list_for (it, &p->units) {
		struct unit *u = list_entry(it, struct unit, link);
		ctr_code code = commit_unit(u, err);

		if (code == CTR_OK)
			code = label_unit(u, err);
		if (code != CTR_OK)
			return code;
		/* Done once, also when an import comes here again for its next image. */
		for (size_t i = 0; i < u->n; i++)
			u->tasks[i].state = TASK_THERE;
	}
	return CTR_OK;
}
