/* SPDX-License-Identifier: Apache-2.0
 *
 * The error object behind the SDK's opaque struct ctr_error, the one errno table, and the texts of
 * the wire. For everything but plugins: those use host->fail(), since the layout here may change.
 */
#ifndef CTR_STATUS_H
#define CTR_STATUS_H

#include <ctr/error.h>

#include "base/macros.h"

struct ctr_error {
	ctr_code code;
	int errnum;    /* 0, or the errno behind it */
	char *message; /* malloc'ed, without class text; NULL when out of memory or never set */
};

#define ERROR_INIT                                                                                 \
	{                                                                                          \
		.code = CTR_OK                                                                     \
	}
void error_done(struct ctr_error *err);
#define AUTO_ERROR AUTO(error_done) struct ctr_error

/* Set the message and return code. err may be NULL. An earlier message is replaced. */
ctr_code ctr_fail(struct ctr_error *err, ctr_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/*
 * For -errno results: the code of the errno table, message "<fmt>: <strerror>". errnum may be
 * negative.
 */
ctr_code ctr_fail_errno(struct ctr_error *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Prefix the message once per layer, "<fmt>: <message>"; returns the code that err holds. */
ctr_code ctr_wrap(struct ctr_error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Move from to to (either may be NULL); from is empty afterwards. Returns to's code. */
ctr_code ctr_move_error(struct ctr_error *to, struct ctr_error *from);
const char *error_text(const struct ctr_error *err); /* never NULL */

ctr_code code_from_errno(int errnum);
/* "not found", "conflict", ...: what clients strip and branch on. */
const char *code_class_text(ctr_code code);
/*
 * Wire text: message + ": " + class text, once. CTR_UNKNOWN goes without a suffix. Caller frees;
 * NULL on OOM.
 */
char *error_wire_text(ctr_code code, const char *message);
/*
 * The way back, for clients: code with class bits from the wire's number and text; *ret_n is the
 * length without suffix.
 */
ctr_code code_from_wire(int grpc_code, const char *text, size_t *ret_n);

#endif
