/* SPDX-License-Identifier: Apache-2.0
 *
 * The frames of the shim's attach socket (docs/shim.md, "Attach"): one byte type, three bytes
 * length, data.
 */
#ifndef CTR_CLI_ATTACHWIRE_H
#define CTR_CLI_ATTACHWIRE_H

#include <stddef.h>

#define ATTACH_HEAD     4
#define ATTACH_DATA_MAX 65536

enum attach_type {
	ATTACH_TYPE_STDIN = 0,
	ATTACH_TYPE_STDOUT = 1,
	ATTACH_TYPE_STDERR = 2,
	ATTACH_TYPE_RESIZE = 3,
	ATTACH_TYPE_STDIN_CLOSE = 4,
	ATTACH_TYPE_HELLO = 5,
};

void attach_head(enum attach_type type, size_t n, unsigned char ret[ATTACH_HEAD]);

struct attach_decoder {
	unsigned char head[ATTACH_HEAD];
	size_t head_len;
	char *data;
	size_t len, want;
};
/*
 * Take n bytes; fn for each whole frame, of any type number. 0, -EPROTO (a frame too long) or
 * -ENOMEM.
 */
int attach_decode(struct attach_decoder *d, const char *bytes, size_t n,
		  void (*fn)(void *ud, enum attach_type type, const char *data, size_t n),
		  void *ud);
void attach_decoder_done(struct attach_decoder *d);

#endif
