/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of a container from its cgroup's files, packed as the message that containerd's
 * clients know.
 */
#ifndef CTR_SHIM_STATS_H
#define CTR_SHIM_STATS_H

#include "google/protobuf/any.pb-c.h"

#include "shim/cgroup.h"

#define STATS_MAX (256 * 1024) /* bytes of a packed message */

/*
 * io.containerd.cgroups.v1.Metrics or v2, as the cgroup is. Release with pb_any_done(). 0 or
 * -errno.
 */
int stats_read(const struct cgroup *cg, Google__Protobuf__Any *ret);

/*
 * The same from given directories: of one cgroup (v2), or a root with controllers and a path text
 * (v1). For tests too.
 */
int stats_v1(const char *text, const char *root, Google__Protobuf__Any *ret);
int stats_v2(const char *dir, Google__Protobuf__Any *ret);

#endif
