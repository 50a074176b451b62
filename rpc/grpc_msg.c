/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages with their five-byte prefix, out and in; see grpc_msg.h. Holds no reference to any
 * connection.
 */
#include "rpc/grpc_msg.h"

#include <string.h>

#define GROW_FIRST                                                                                 \
	(1u                                                                                        \
	 << 20) /* a message up to this is given its memory at once, a larger one as it arrives */

void grpc_msg_init(struct grpc_msg *m, void *data, size_t n)
{
	m->next = NULL;
	m->data = data;
	m->n = n;
	m->at = 0;
	m->prefix[0] = 0;
	m->prefix[1] = (uint8_t)(n >> 24);
	m->prefix[2] = (uint8_t)(n >> 16);
	m->prefix[3] = (uint8_t)(n >> 8);
	m->prefix[4] = (uint8_t)n;
}

void grpc_msg_free(struct grpc_msg *m)
{
	if (!m)
		return;

	free(m->data);
	free(m);
}

void grpc_msg_free_chain(struct grpc_msg *m)
{
	while (m) {
		struct grpc_msg *next = m->next;

		grpc_msg_free(m);
		m = next;
	}
}

void grpc_out_push(struct grpc_out *o, struct grpc_msg *m)
{
	m->next = NULL;
	if (o->last)
		o->last->next = m;
	else
		o->first = m;
	o->last = m;
	o->bytes += GRPC_PREFIX + m->n;
}

size_t grpc_out_pull(struct grpc_out *o, size_t n, const uint8_t **ret, struct grpc_msg **ret_spent)
{
	struct grpc_msg *m = o->first;
	size_t left;

	*ret_spent = NULL;
	if (m->at < GRPC_PREFIX) {
		*ret = m->prefix + m->at;
		left = GRPC_PREFIX - m->at;
	} else {
		*ret = m->data + (m->at - GRPC_PREFIX);
		left = GRPC_PREFIX + m->n - m->at;
	}

	n = MIN(n, left);
	m->at += n;
	o->bytes -= n;
	if (m->at == GRPC_PREFIX + m->n) {
		o->first = m->next;
		if (!o->first)
			o->last = NULL;
		*ret_spent = m;
	}

	return n;
}

struct grpc_msg *grpc_out_cut(struct grpc_out *o)
{
	struct grpc_msg **at = &o->first, *cut;
	size_t promised = o->promised;

	o->last = NULL;
	o->bytes = 0;
	while (*at && ((*at)->at > 0 || promised > 0)) {
		size_t left = GRPC_PREFIX + (*at)->n - (*at)->at;

		o->bytes += left;
		o->last = *at;
		promised -= MIN(promised, left);
		at = &(*at)->next;
	}

	cut = *at;
	*at = NULL;
	return cut;
}

struct grpc_msg *grpc_out_clear(struct grpc_out *o)
{
	struct grpc_msg *all = o->first;

	*o = (struct grpc_out){ 0 };
	return all;
}

static void forget(struct grpc_in *in)
{
	free(in->data);
	*in = (struct grpc_in){ 0 };
}

static enum grpc_in_result feed_prefix(struct grpc_in *in, const uint8_t **p, size_t *n, size_t max)
{
	size_t take = MIN(*n, (size_t)(GRPC_PREFIX - in->n_prefix));

	memcpy(in->prefix + in->n_prefix, *p, take);
	in->n_prefix = (uint8_t)(in->n_prefix + take);
	*p += take;
	*n -= take;
	if (in->n_prefix < GRPC_PREFIX)
		return GRPC_IN_MORE;

	in->need = (uint32_t)in->prefix[1] << 24 | (uint32_t)in->prefix[2] << 16 |
		   (uint32_t)in->prefix[3] << 8 | in->prefix[4];
	if (in->prefix[0] == 1)
		return GRPC_IN_COMPRESSED;
	if (in->prefix[0] != 0)
		return GRPC_IN_BAD_FLAG;
	if (in->need > max)
		return GRPC_IN_TOO_LARGE;

	return GRPC_IN_MESSAGE;
}

static int grow(struct grpc_in *in, size_t want)
{
	size_t cap = MIN(in->need, MAX((size_t)GROW_FIRST, MAX(want, in->cap * 2)));
	uint8_t *data;

	if (want <= in->cap)
		return 0;

	data = realloc(in->data, cap);
	if (!data)
		return -1;

	in->data = data;
	in->cap = cap;
	return 0;
}

enum grpc_in_result grpc_in_feed(struct grpc_in *in, const uint8_t **p, size_t *n, size_t max,
				 const uint8_t **ret, size_t *ret_n)
{
	enum grpc_in_result r;
	size_t take;

	if (in->complete)
		forget(in);
	if (in->n_prefix < GRPC_PREFIX) {
		r = feed_prefix(in, p, n, max);
		if (r != GRPC_IN_MESSAGE)
			return r;
	}

	take = MIN(*n, in->need - in->len);
	*ret_n = in->need;
	if (take == in->need) {
		*ret = *p; /* whole: no copy */
	} else {
		if (grow(in, in->len + take) < 0)
			return GRPC_IN_NO_MEMORY;
		if (take > 0)
			memcpy(in->data + in->len, *p, take);
		*ret = in->data;
	}

	in->len += take;
	*p += take;
	*n -= take;
	in->complete = in->len == in->need;
	return in->complete ? GRPC_IN_MESSAGE : GRPC_IN_MORE;
}

uint8_t *grpc_in_take(struct grpc_in *in, const uint8_t *data, size_t n)
{
	uint8_t *copy;

	if (in->data && data == in->data) {
		copy = in->data;
		in->data = NULL;
		return copy;
	}

	copy = malloc(n > 0 ? n : 1);
	if (copy && n > 0)
		memcpy(copy, data, n);
	return copy;
}

int grpc_in_is_partial(const struct grpc_in *in)
{
	return in->n_prefix > 0 && !in->complete;
}

void grpc_in_done(struct grpc_in *in)
{
	forget(in);
}
