/* SPDX-License-Identifier: Apache-2.0
 *
 * What both gzip decoders share: what may stand between members and after the last one.
 */
#include "worker/codec/decoder.h"

ctr_code gzip_between(struct decoder *d, struct decoder_input *in, bool *padding, bool *ret_member,
		      struct ctr_error *err)
{
	*ret_member = false;
	while (in->n && !in->data[0]) {
		*padding = true;
		in->data++;
		in->n--;
	}
	if (!in->n) {
		d->ended = in->last;
		return CTR_OK;
	}
	if (*padding || in->data[0] != 0x1f)
		return ctr_fail(err, CTR_DATA_LOSS, "gzip stream is followed by garbage");

	*ret_member = true;
	return CTR_OK;
}
