/* SPDX-License-Identifier: Apache-2.0
 *
 * What an image says about the process it wants, as plain data: the caller fills it from what the
 * parse worker answered (no foreign JSON is read here) and combines it with what the user asked
 * for.
 */
#ifndef CTR_OCI_IMAGE_CONFIG_H
#define CTR_OCI_IMAGE_CONFIG_H

#include <ctr/error.h>

struct oci_image_config {
	char *os, *architecture, *variant;
	char *user; /* "", "name", "uid", "name:group", ... */
	char *workdir;
	char *stop_signal; /* "SIGTERM", "15", or NULL */
	char **entrypoint, **cmd;
	char **env;                        /* KEY=value */
	char **volumes;                    /* destinations */
	char **label_keys, **label_values; /* same length */
};

/* Free every member; the struct may be used again. */
void oci_image_config_done(struct oci_image_config *c);

/*
 * The command line to run. entrypoint: NULL is the image's, an empty vector is none (and drops the
 * image's command too); args: NULL or empty is the image's command. CTR_INVALID_ARGUMENT when
 * nothing is left. *ret (strv, caller frees).
 */
ctr_code oci_image_args(const struct oci_image_config *c, char *const *entrypoint,
			char *const *args, char ***ret, struct ctr_error *err);

/*
 * The environment: a default PATH unless the image has one, the image's variables, then adds
 * ("K=v"; a later one replaces an earlier of the same name; "K" alone removes it). *ret (strv,
 * caller frees).
 */
ctr_code oci_image_env(const struct oci_image_config *c, char *const *adds, char ***ret,
		       struct ctr_error *err);

/*
 * May this label go from an image to a container? Not the reserved prefixes, and only what the
 * store accepts.
 */
int oci_label_copyable(const char *key, const char *value);

/* Signal number of "SIGTERM", "TERM", "15", "SIGRTMIN+3"; -EINVAL when it is none. */
int oci_signal_parse(const char *s);
const char *oci_signal_name(int sig); /* "TERM", or NULL */

#endif
