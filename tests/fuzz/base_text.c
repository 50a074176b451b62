/* SPDX-License-Identifier: Apache-2.0
 *
 * The text parsers of base on any bytes. The first byte picks one; what it accepts must survive a
 * round trip or keep its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/macros.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void reference(const char *s)
{
	struct image_ref ref, again;

	if (image_ref_parse(s, &ref, NULL) == 0) {
		must(image_ref_parse_exact(ref.full, &again, NULL) == 0);
		must(str_eq(ref.full, again.full));
		must(str_eq(ref.host, again.host) && str_eq(ref.path, again.path));
	}
	if (image_ref_parse_exact(s, &ref, NULL) == 0)
		must(str_eq(ref.full, s));
}

static void times(const char *s)
{
	char text[RFC3339_ROOM];
	int64_t ns, back;

	if (clock_parse_rfc3339(s, &ns) == 0) {
		clock_rfc3339(ns, text);
		must(clock_parse_rfc3339(text, &back) == 0 && back == ns);
	}
	if (parse_duration(s, &ns) == 0) {
		must(str_from_duration(ns, text, sizeof(text)) == 0);
		must(parse_duration(text, &back) == 0 && back == ns);
	}
}

static void numbers(const char *s)
{
	uint64_t u;
	uint32_t u32;
	int64_t i;

	parse_size(s, &u);
	parse_octal(s, &u32);
	if (parse_i64(s, &i) == 0 && i >= 0)
		must(parse_u64(s, &u) == 0 || s[0] == '-');
	if (parse_u32(s, &u32) == 0)
		must(parse_u64(s, &u) == 0 && u == u32);
}

static void encodings(const char *s, size_t n)
{
	AUTO_FREE char *out = malloc(n + 1);
	AUTO_FREE char *text = malloc(base64_room(n));

	if (!out || !text)
		return;
	int64_t len = base64_decode(s, n, out);

	must(len <= (int64_t)(n * 3 / 4));
	if (len >= 0) {
		size_t n_text = base64_encode(out, (size_t)len, 1, 0, text);

		must(base64_decode(text, n_text, out) == len);
	}
	hex_decode(s, n, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 1)
		return 0;
	AUTO_FREE char *s = str_ndup((const char *)data + 1, n - 1);

	if (!s)
		return 0;
	switch (data[0] & 7) {
	case 0:
		reference(s);
		break;
	case 1:
		times(s);
		break;
	case 2:
		numbers(s);
		break;
	case 3:
		encodings((const char *)data + 1, n - 1);
		break;
	case 4:
		str_is_utf8((const char *)data + 1, n - 1);
		break;
	default:
		must(!ident_valid(s) || strlen(s) <= IDENT_MAX);
		must(!topic_valid(s) || s[0] == '/');
		must(!digest_valid(s) || strlen(s) < DIGEST_MAX);
		break;
	}
	return 0;
}
