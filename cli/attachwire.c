/* SPDX-License-Identifier: Apache-2.0
 *
 * The frames of the attach socket.
 */
#include "cli/attachwire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

void attach_head(enum attach_type type, size_t n, unsigned char ret[ATTACH_HEAD])
{
	ret[0] = (unsigned char)type;
	ret[1] = (unsigned char)(n >> 16);
	ret[2] = (unsigned char)(n >> 8);
	ret[3] = (unsigned char)n;
}

int attach_decode(struct attach_decoder *d, const char *bytes, size_t n,
		  void (*fn)(void *ud, enum attach_type type, const char *data, size_t n), void *ud)
{
	if (!d->data && !(d->data = malloc(ATTACH_DATA_MAX)))
		return -ENOMEM;
	while (n > 0) {
		size_t part;

		if (d->head_len < ATTACH_HEAD) {
			d->head[d->head_len++] = (unsigned char)*bytes++;
			n--;
			if (d->head_len < ATTACH_HEAD)
				continue;
			d->want = (size_t)d->head[1] << 16 | (size_t)d->head[2] << 8 | d->head[3];
			d->len = 0;
			if (d->want > ATTACH_DATA_MAX)
				return -EPROTO;
		}
		part = MIN(n, d->want - d->len);
		memcpy(d->data + d->len, bytes, part);
		d->len += part;
		bytes += part;
		n -= part;
		if (d->len < d->want)
			continue;
		d->head_len = 0;
		fn(ud, (enum attach_type)d->head[0], d->data, d->len);
	}
	return 0;
}

void attach_decoder_done(struct attach_decoder *d)
{
	free(d->data);
	*d = (struct attach_decoder){ 0 };
}
