/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of the three files that a container gets in its /etc.
 */
#ifndef CTR_OCI_FILES_H
#define CTR_OCI_FILES_H

/*
 * Each is malloc'ed, NULL when out of memory. address: of the container, or NULL; extra: "name:ip"
 * or NULL.
 */
char *oci_hosts_text(const char *hostname, const char *address, char *const *extra);
char *oci_hostname_text(const char *hostname);
/*
 * host_text: the host's resolv.conf. With own_network, name servers on a loopback address are left
 * out, since the container has another loopback. Never more than 64 KiB.
 */
char *oci_resolv_text(const char *host_text, int own_network);

#endif
