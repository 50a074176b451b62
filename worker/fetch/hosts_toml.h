/* SPDX-License-Identifier: Apache-2.0
 *
 * hosts.toml as containerd writes it, read by toml++ behind this C face. Pure but for memory; no
 * C++ exception leaves.
 */
#ifndef CTR_WORKER_FETCH_HOSTS_TOML_H
#define CTR_WORKER_FETCH_HOSTS_TOML_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOSTS_TOML_MAX (256u << 10) /* bytes of the file */
#define HOSTS_MAX      64           /* [host] tables of one file */

#define HOST_PULL    1
#define HOST_RESOLVE 2
#define HOST_PUSH    4
#define HOST_ALL     7

struct hosts_entry {
	char *url; /* as written: "https://mirror.example/v2"; server: NULL when not given */
	unsigned capabilities;
	int skip_verify, override_path;
	char **ca;   /* NULL-terminated lists; NULL: none. Paths as written */
	char **cert; /* client pairs: cert[i] with key[i]; key "" : in the same file */
	char **key;
	char **headers; /* "Name: value" */
};

struct hosts_file {
	struct hosts_entry server;
	struct hosts_entry *host; /* in the order of the file */
	size_t n_host;
};

/* 0 or -EINVAL (*ret_why, caller frees, says line and cause), -ENOMEM. */
int hosts_toml_parse(const char *text, size_t n, struct hosts_file *ret, char **ret_why);
void hosts_file_done(struct hosts_file *f);

#ifdef __cplusplus
}
#endif

#endif
