/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: the object, the errno table, and the class texts of the wire. Keeps errno, allocates only
 * messages, and stays useful without them when memory is short.
 */
#include "status/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct class_text {
	ctr_code code;
	const char *text;
};

/* Those of the first two are what Go's context package says, and what clients compare with. */
static const struct class_text classes[] = {
	{ CTR_CANCELLED, "context canceled" },
	{ CTR_DEADLINE_EXCEEDED, "context deadline exceeded" },
	{ CTR_INVALID_ARGUMENT, "invalid argument" },
	{ CTR_NOT_FOUND, "not found" },
	{ CTR_ALREADY_EXISTS, "already exists" },
	{ CTR_PERMISSION_DENIED, "permission denied" },
	{ CTR_RESOURCE_EXHAUSTED, "resource exhausted" },
	{ CTR_FAILED_PRECONDITION, "failed precondition" },
	{ CTR_CONFLICT, "conflict" },
	{ CTR_NOT_MODIFIED, "not modified" },
	{ CTR_ABORTED, "aborted" },
	{ CTR_OUT_OF_RANGE, "out of range" },
	{ CTR_UNIMPLEMENTED, "not implemented" },
	{ CTR_INTERNAL, "internal" },
	{ CTR_UNAVAILABLE, "unavailable" },
	{ CTR_DATA_LOSS, "data loss" },
	{ CTR_UNAUTHENTICATED, "unauthenticated" },
	{ CTR_OK, NULL },
};

void error_done(struct ctr_error *err)
{
	int keep = errno;

	if (!err)
		return;
	free(err->message);
	*err = (struct ctr_error)ERROR_INIT;
	errno = keep;
}

static PRINTF_LIKE(1, 0) char *format(const char *fmt, va_list ap)
{
	char *s;

	return vasprintf(&s, fmt, ap) < 0 ? NULL : s;
}

/* Takes message over. Formatted before, so that its arguments may come from the old one. */
static void set(struct ctr_error *err, ctr_code code, int errnum, char *message)
{
	free(err->message);
	err->code = code;
	err->errnum = errnum;
	err->message = message;
}

ctr_code ctr_fail(struct ctr_error *err, ctr_code code, const char *fmt, ...)
{
	int keep = errno;
	va_list ap;

	if (err) {
		va_start(ap, fmt);
		set(err, code, 0, format(fmt, ap));
		va_end(ap);
	}
	errno = keep;
	return code;
}

ctr_code ctr_fail_errno(struct ctr_error *err, int errnum, const char *fmt, ...)
{
	int keep = errno;
	int e = errnum < 0 ? -errnum : errnum;
	ctr_code code = e ? code_from_errno(e) : CTR_UNKNOWN; /* a failure is never CTR_OK */
	va_list ap;

	if (err) {
		const char *cause = strerrordesc_np(e);

		va_start(ap, fmt);
		AUTO_FREE char *what = format(fmt, ap);
		va_end(ap);
		char *message = NULL;

		if (what && cause)
			message = str_printf("%s: %s", what, cause);
		else if (what)
			message = str_printf("%s: error %d", what, e);
		set(err, code, e, message);
	}
	errno = keep;
	return code;
}

ctr_code ctr_wrap(struct ctr_error *err, const char *fmt, ...)
{
	int keep = errno;
	va_list ap;

	/* Without an object there is nothing to prefix, and the code is the caller's. */
	if (!err)
		return CTR_UNKNOWN;
	va_start(ap, fmt);
	AUTO_FREE char *what = format(fmt, ap);
	va_end(ap);
	char *message = what ? str_printf("%s: %s", what, error_text(err)) : NULL;

	if (message) /* else the shorter text is better than none */
		set(err, err->code, err->errnum, message);
	errno = keep;
	return err->code;
}

ctr_code ctr_move_error(struct ctr_error *to, struct ctr_error *from)
{
	ctr_code code = from ? from->code : CTR_OK;

	if (!from || to == from)
		return code;
	if (to) {
		error_done(to);
		*to = *from;
		from->message = NULL;
	}
	error_done(from);
	return code;
}

const char *error_text(const struct ctr_error *err)
{
	const char *text;

	if (!err)
		return "unknown error";
	if (err->message)
		return err->message;
	if (err->code == CTR_OK)
		return "no error";
	text = code_class_text(err->code);
	return *text ? text : "unknown error";
}

ctr_code code_from_errno(int errnum)
{
	switch (errnum < 0 ? -errnum : errnum) {
	case 0:
		return CTR_OK;
	case ENOENT:
		return CTR_NOT_FOUND;
	case EEXIST:
		return CTR_ALREADY_EXISTS;
	case EINVAL:
		return CTR_INVALID_ARGUMENT;
	case EPERM:
	case EACCES:
		return CTR_PERMISSION_DENIED;
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
		return CTR_RESOURCE_EXHAUSTED;
	case EBUSY:
	case ENOTEMPTY:
		return CTR_FAILED_PRECONDITION;
	case ETIMEDOUT:
		return CTR_DEADLINE_EXCEEDED;
	case ECANCELED:
		return CTR_CANCELLED;
	case ENOSYS:
	case EOPNOTSUPP:
		return CTR_UNIMPLEMENTED;
	case EIO:
		return CTR_INTERNAL;
	default:
		return CTR_UNKNOWN;
	}
}

const char *code_class_text(ctr_code code)
{
	for (const struct class_text *c = classes; c->text; c++) {
		if (c->code == code)
			return c->text;
	}
	return "";
}

/* The length of text without ": <class>" at its end; 0 when it is the class alone; else text's. */
static size_t without_class(const char *text, const char *class, int *ret_had)
{
	size_t n = strlen(text), n_class = strlen(class);

	*ret_had = 1;
	if (str_eq(text, class))
		return 0;
	if (n > n_class + 2 && str_ends(text, class) &&
	    memcmp(text + n - n_class - 2, ": ", 2) == 0)
		return n - n_class - 2;
	*ret_had = 0;
	return n;
}

char *error_wire_text(ctr_code code, const char *message)
{
	const char *class = code_class_text(code);
	int had;

	if (!*class)
		return str_dup(message && *message ? message : "unknown");
	if (!message || !*message)
		return str_dup(class);
	without_class(message, class, &had);
	return had ? str_dup(message) : str_printf("%s: %s", message, class);
}

ctr_code code_from_wire(int grpc_code, const char *text, size_t *ret_n)
{
	ctr_code code =
		grpc_code >= 0 && grpc_code <= CTR_UNAUTHENTICATED ? grpc_code : CTR_UNKNOWN;
	size_t n = text ? strlen(text) : 0;

	/* Number 9 stands for three classes: the text decides. */
	for (const struct class_text *c = classes; text && c->text; c++) {
		int had;
		size_t shorter;

		if (CTR_GRPC_CODE(c->code) != code)
			continue;
		shorter = without_class(text, c->text, &had);
		if (had) {
			code = c->code;
			n = shorter;
			break;
		}
	}
	if (ret_n)
		*ret_n = n;
	return code;
}
