/* SPDX-License-Identifier: Apache-2.0
 *
 * What a registry says in its headers: WWW-Authenticate, Content-Range, Location; and a token service in its body.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "worker/fetch/auth.h"
#include "worker/fetch/range.h"
#include "worker/fetch/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct challenge c = { .scheme = AUTH_NONE };
	AUTO_FREE char *exact = malloc(size + 1), *text = str_ndup((const char *)data, size);
	AUTO_FREE char *url = NULL, *token = NULL;
	const char *why;
	int64_t a, b, n, expires;

	if (!exact || !text)
		return 0;
	memcpy(exact, data, size); /* the value need not end with NUL */
	if (challenge_parse(exact, size, &c) == 0 && c.scheme != AUTH_NONE &&
	    strlen(c.realm) >= sizeof(c.realm))
		abort();
	if (content_range_parse(text, &a, &b, &n) == 0 && (a < 0 || b < a || (n >= 0 && b >= n)))
		abort();
	/* a redirect never leaves http, nor https for http */
	if (redirect_target("https://r.example/v2/x", text, &url, &why) == 0 &&
	    strncmp(url, "https://", 8) != 0)
		abort();
	if (token_parse((const char *)data, size, &token, &expires) == 0 && strpbrk(token, "\r\n "))
		abort();
	return 0;
}
