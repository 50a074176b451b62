/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of the shim v2 protocol: single or double dash, "-x v" or "-x=v", flags before
 * the verb. Pure; the strings stay argv's.
 */
#ifndef CTR_SHIM_FLAGS_H
#define CTR_SHIM_FLAGS_H

struct flags {
	const char *namespace_;
	const char *address;        /* of the daemon's gRPC socket */
	const char *publish_binary; /* accepted, not used: events go over ttrpc */
	const char *id;
	const char *bundle;
	const char *socket;       /* accepted: the listening socket comes as descriptor 3 */
	const char *debug_socket; /* accepted, not served */
	int debug;
	int version;
	int info;
	const char *verb; /* "start", "delete"; NULL: serve */
};

/* 0, or -EINVAL and *ret_bad names the argument that is wrong. */
int flags_parse(char *const *argv, struct flags *ret, const char **ret_bad);

#endif
