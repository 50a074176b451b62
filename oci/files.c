/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of /etc/hosts, /etc/hostname and /etc/resolv.conf.
 */
#include "oci/files.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"

#define TEXT_MAX 65536

char *oci_hosts_text(const char *hostname, const char *address, char *const *extra)
{
	AUTO_BUF b = BUF_INIT(TEXT_MAX);

	buf_puts(&b, "127.0.0.1\tlocalhost\n"
		     "::1\tlocalhost ip6-localhost ip6-loopback\n"
		     "fe00::0\tip6-localnet\n"
		     "ff00::0\tip6-mcastprefix\n"
		     "ff02::1\tip6-allnodes\n"
		     "ff02::2\tip6-allrouters\n");
	for (size_t i = 0; extra && extra[i]; i++) {
		const char *colon = strchr(extra[i], ':');

		if (colon)
			buf_printf(&b, "%s\t%.*s\n", colon + 1, (int)(colon - extra[i]), extra[i]);
	}
	if (hostname)
		buf_printf(&b, "%s\t%s\n", address ? address : "127.0.1.1", hostname);
	return buf_take(&b, NULL);
}

char *oci_hostname_text(const char *hostname)
{
	return str_printf("%s\n", hostname);
}

static int loopback_server(const char *line, size_t n)
{
	static const char word[] = "nameserver";
	size_t at = sizeof(word) - 1;

	if (n <= at || strncmp(line, word, at) != 0)
		return 0;
	while (at < n && (line[at] == ' ' || line[at] == '\t'))
		at++;
	return (n - at >= 4 && strncmp(line + at, "127.", 4) == 0) ||
	       (n - at >= 3 && strncmp(line + at, "::1", 3) == 0);
}

char *oci_resolv_text(const char *host_text, int own_network)
{
	AUTO_BUF b = BUF_INIT(TEXT_MAX);

	for (const char *p = host_text; *p;) {
		size_t n = strcspn(p, "\n");

		if (!own_network || !loopback_server(p, n)) {
			buf_append(&b, p, n);
			buf_putc(&b, '\n');
		}
		p += n + (p[n] == '\n');
	}
	return buf_take(&b, NULL);
}
