/* SPDX-License-Identifier: Apache-2.0
 *
 * The shim's socket: its name, by the rule that all shims and daemons share, and its making.
 */
#ifndef CTR_SHIM_ADDRESS_H
#define CTR_SHIM_ADDRESS_H

#define SOCKET_DIR "/run/containerd/s"

/* "<dir>/<hex sha256 of grpc_address/ns/group>"; caller frees; NULL on OOM. */
char *address_path(const char *dir, const char *grpc_address, const char *ns, const char *group);
/*
 * Listen at path, mode 0600. A descriptor; -EEXIST: somebody serves there already; another -errno.
 * A dead socket is replaced.
 */
int address_listen(const char *path);
int address_is_live(const char *path); /* does somebody accept there? */

/*
 * The id by which containers share a shim: annotation io.containerd.runc.v2.group, else
 * io.kubernetes.cri.sandbox-id of config.json in the working directory, else id. Caller frees; NULL
 * on OOM.
 */
char *group_id(const char *id);
/* The same from the file's text; NULL when it has neither. */
char *group_from_config(const char *json, unsigned long n);

#endif
