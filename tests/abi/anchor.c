/* SPDX-License-Identifier: Apache-2.0
 *
 * One exported function a public struct, so that abidiff sees each of them: through a plugin's `const void *ops` it
 * would see none. Built with -DCTR_SDK_MINOR=N, it must equal sdk/abi/1.N.abi without any suppression.
 */
#include <ctr/error.h>
#include <ctr/types.h>
#include <ctr/call.h>
#include <ctr/config.h>
#include <ctr/plugin.h>
#include <ctr/snapshotter.h>
#include <ctr/content.h>
#include <ctr/differ.h>
#include <ctr/store.h>
#include <ctr/snapgraph.h>
#include <ctr/spawn.h>
#include <ctr/mount.h>

#define ANCHOR(name)                                                                               \
	__attribute__((visibility("default"))) const struct name *anchor_##name(void);             \
	const struct name *anchor_##name(void)                                                     \
	{                                                                                          \
		return 0;                                                                          \
	}

ANCHOR(ctr_label)
ANCHOR(ctr_labels)
ANCHOR(ctr_any)
ANCHOR(ctr_mount)
ANCHOR(ctr_descriptor)
ANCHOR(ctr_source)
ANCHOR(ctr_call_ops)
ANCHOR(ctr_config_ops)
ANCHOR(ctr_host)
ANCHOR(ctr_require)
ANCHOR(ctr_plugin)
ANCHOR(ctr_module)
ANCHOR(ctr_snapshot_info)
ANCHOR(ctr_usage)
ANCHOR(ctr_snapshot_new)
ANCHOR(ctr_snapshot_commit)
ANCHOR(ctr_tree)
ANCHOR(ctr_snapshotter_ops)
ANCHOR(ctr_blob_info)
ANCHOR(ctr_ingest_status)
ANCHOR(ctr_ingest_open)
ANCHOR(ctr_content_commit)
ANCHOR(ctr_content_ops)
ANCHOR(ctr_apply)
ANCHOR(ctr_applied)
ANCHOR(ctr_compare)
ANCHOR(ctr_compared)
ANCHOR(ctr_differ_ops)
ANCHOR(ctr_store_ops)
ANCHOR(ctr_graph_node)
ANCHOR(ctr_snapgraph_ops)
ANCHOR(ctr_spawn_fd)
ANCHOR(ctr_spawn_args)
ANCHOR(ctr_spawn_ops)
ANCHOR(ctr_mount_ops)
