/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's error functions over our own error object, and a call that never ends but by cancel.
 */
#include "paper_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/macros.h"
#include "status/status.h"

PRINTF_LIKE(3, 4)
static ctr_code host_fail(struct ctr_error *err, ctr_code code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ctr_fail(err, code, "%s", text);
}

PRINTF_LIKE(3, 4)
static ctr_code host_fail_errno(struct ctr_error *err, int32_t errnum, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ctr_fail_errno(err, errnum, "%s", text);
}

PRINTF_LIKE(2, 3)
static ctr_code host_wrap(struct ctr_error *err, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ctr_wrap(err, "%s", text);
}

int paper_cancel = -1;

static int64_t call_deadline(const struct ctr_call *call)
{
	(void)call;
	return CTR_NO_DEADLINE;
}

static int32_t call_cancel_fd(const struct ctr_call *call)
{
	(void)call;
	return paper_cancel;
}

static ctr_code call_check(const struct ctr_call *call, struct ctr_error *err)
{
	uint64_t n;

	(void)call;
	return paper_cancel >= 0 && read(paper_cancel, &n, sizeof(n)) == sizeof(n)
		       ? ctr_fail(err, CTR_CANCELLED, "cancelled")
		       : CTR_OK;
}

static const struct ctr_call_ops call_ops = { .size = sizeof(call_ops),
					      .deadline_ns = call_deadline,
					      .check = call_check,
					      .cancel_fd = call_cancel_fd };
const struct ctr_host paper_host = { .size = sizeof(paper_host),
				     .fail = host_fail,
				     .fail_errno = host_fail_errno,
				     .wrap = host_wrap,
				     .call = &call_ops };
const struct ctr_call *const paper_call = (const struct ctr_call *)&call_ops;
