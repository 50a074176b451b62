/* SPDX-License-Identifier: Apache-2.0
 *
 * The stdout URI of a detached container, from --log-opt.
 */
#include "cli/loguri.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

#define DEFAULT_SIZE  "10m"
#define DEFAULT_FILES 3

struct options {
	uint64_t bytes;
	uint32_t files;
};

static ctr_code parse(const struct args *a, struct options *o, struct ctr_error *err)
{
	char *const *list = arg_list(a, "log-opt");

	(void)parse_size(DEFAULT_SIZE, &o->bytes);
	o->files = DEFAULT_FILES;
	for (size_t i = 0; list[i]; i++) {
		const char *s = list[i];

		if (str_starts(s, "max-size=")) {
			if (parse_size(s + 9, &o->bytes) < 0 || o->bytes < 4096)
				return ctr_fail(err, CTR_INVALID_ARGUMENT,
						"--log-opt '%s': not a size of 4k or more", s);
		} else if (str_starts(s, "max-file=") || str_starts(s, "max-files=")) {
			if (parse_u32(strchr(s, '=') + 1, &o->files) < 0 || o->files < 1 ||
			    o->files > 1000)
				return ctr_fail(err, CTR_INVALID_ARGUMENT,
						"--log-opt '%s': not a number from 1 to 1000", s);
		} else {
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"unknown --log-opt '%s': max-size= and max-file= exist", s);
		}
	}
	return CTR_OK;
}

static void put_path(struct buf *b, const char *path)
{
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("/-._~", *p))
			buf_putc(b, (char)*p);
		else
			buf_printf(b, "%%%02X", (unsigned)*p);
	}
}

ctr_code log_uri_make(const struct args *a, const char *path, int ctrlog, char **ret,
		      struct ctr_error *err)
{
	AUTO_BUF b = BUF_INIT(8192);
	struct options o;
	ctr_code code = parse(a, &o, err);

	if (code != CTR_OK)
		return code;
	if (ctrlog) {
		buf_puts(&b, "ctrlog://");
		put_path(&b, path);
		buf_printf(&b, "?format=json&max-size=%llu&max-files=%u",
			   (unsigned long long)o.bytes, o.files);
		if (arg_on(a, "interactive"))
			buf_puts(&b, "&stdin=attach");
	} else {
		cli_note("this runtime does not rotate logs: '%s' is a plain file that grows",
			 path);
		buf_puts(&b, "file://");
		put_path(&b, path);
	}
	*ret = buf_take(&b, NULL);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "log");
}
