/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions behind the verbs; root.c has the table that names them.
 */
#ifndef CTR_CLI_VERBS_H
#define CTR_CLI_VERBS_H

#include "cli/cli.h"
#include "cli/output.h"

typedef ctr_code verb_fn(struct cli *c, struct ctr_error *err);

verb_fn verb_pull, verb_images, verb_tag, verb_rmi, verb_save, verb_load;
verb_fn verb_run, verb_create, verb_start, verb_exec, verb_attach, verb_logs;
verb_fn verb_stop, verb_kill, verb_rm, verb_pause, verb_unpause, verb_wait;
verb_fn verb_ps, verb_inspect, verb_top, verb_stats, verb_events, verb_info, verb_version;
verb_fn verb_login, verb_logout, verb_completion;

verb_fn verb_content_ls, verb_content_ingests, verb_content_get, verb_content_info, verb_content_rm;
verb_fn verb_snapshot_ls, verb_snapshot_rm, verb_snapshot_usage, verb_snapshot_mounts,
	verb_snapshot_info;
verb_fn verb_lease_ls, verb_lease_create, verb_lease_rm;
verb_fn verb_namespace_ls, verb_namespace_create, verb_namespace_rm, verb_namespace_label;
verb_fn verb_plugin_ls, verb_plugin_info;
verb_fn verb_image_ls, verb_image_rm, verb_image_info;
verb_fn verb_container_ls, verb_container_rm, verb_container_info;
verb_fn verb_task_ls, verb_task_rm, verb_task_info, verb_task_kill;

#endif
