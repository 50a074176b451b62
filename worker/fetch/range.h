/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server's answer to a ranged request means for a transfer that already has some bytes.
 * Pure.
 */
#ifndef CTR_WORKER_FETCH_RANGE_H
#define CTR_WORKER_FETCH_RANGE_H

#include <stdint.h>

/* "bytes 5-9/10" or "bytes 5-9/star": 0 or -EINVAL. *ret_total is -1 for a star. */
int content_range_parse(const char *value, int64_t *ret_first, int64_t *ret_last,
			int64_t *ret_total);

/*
 * How many bytes at the start of the body are there already and are to be dropped, when offset
 * bytes are there and offset was asked for; -EINVAL when the answer does not fit. content_range may
 * be "".
 */
int64_t range_skip(int status, const char *content_range, int64_t offset, int64_t size);

#endif
