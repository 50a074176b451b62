/* SPDX-License-Identifier: Apache-2.0
 *
 * How a case fails: the first thing that is wrong is kept, with the message of the call that said so.
 */
#include "tests/conformance/kit.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/macros.h"

int kit_fail(struct kit *k, const char *fmt, ...)
{
	va_list ap;

	if (*k->why)
		return -1;
	va_start(ap, fmt);
	vsnprintf(k->why, sizeof(k->why), fmt, ap);
	va_end(ap);
	return -1;
}

int kit_skip(struct kit *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->skip, sizeof(k->skip), fmt, ap);
	va_end(ap);
	return 0;
}

const char *kit_code(ctr_code code)
{
	static const char *const names[] = {
		"CTR_OK",
		"CTR_CANCELLED",
		"CTR_UNKNOWN",
		"CTR_INVALID_ARGUMENT",
		"CTR_DEADLINE_EXCEEDED",
		"CTR_NOT_FOUND",
		"CTR_ALREADY_EXISTS",
		"CTR_PERMISSION_DENIED",
		"CTR_RESOURCE_EXHAUSTED",
		"CTR_FAILED_PRECONDITION",
		"CTR_ABORTED",
		"CTR_OUT_OF_RANGE",
		"CTR_UNIMPLEMENTED",
		"CTR_INTERNAL",
		"CTR_UNAVAILABLE",
		"CTR_DATA_LOSS",
		"CTR_UNAUTHENTICATED",
	};

	return code >= 0 && (size_t)code < ARRAY_SIZE(names) ? names[code] : "a code of no name";
}

int kit_expect(struct kit *k, ctr_code code, ctr_code want, const char *what)
{
	if (*k->why) /* the call itself broke a promise */
		return -1;
	if (code == want)
		return 0;
	if (want == CTR_OK)
		return kit_fail(k, "%s: %s: %s", what, kit_code(code), error_text(&k->err));
	return kit_fail(k, "%s gives %s (%s), not %s", what, kit_code(code),
			code == CTR_OK ? "success" : error_text(&k->err), kit_code(want));
}
