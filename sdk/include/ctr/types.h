/* SPDX-License-Identifier: Apache-2.0
 *
 * Small values that several kinds share. Array elements never grow; the structs that open with `size` are
 * appended to only (docs/sdk.md, "How tables evolve"). C99 and C++ clean. Frozen since SDK 1.0.
 */
#ifndef CTR_TYPES_H
#define CTR_TYPES_H

#include <ctr/error.h>

/* Array elements: frozen for ever. All strings are UTF-8 and end with NUL. */
struct ctr_label {
	const char *key, *value;
};

struct ctr_labels {
	const struct ctr_label *items;
	uint64_t n;
};

/* google.protobuf.Any: type_url is a bare message name or a registered URL; value is passed on byte for byte. */
struct ctr_any {
	const char *type_url;
	const void *value;
	uint64_t n;
};

/* One mount as containerd's Mount message has it; option words as mount(8) (docs/mounts.md). */
struct ctr_mount {
	const char *type; /* "overlay", "bind", a file system type */
	const char *source;
	const char *target; /* "" or a directory below the mount point */
	const char *const *options;
	uint64_t n_options;
};

/* Receives mounts; they are borrowed while it runs. Its result is passed on by the caller. */
typedef ctr_code (*ctr_mounts_sink)(void *ud, const struct ctr_mount *mounts, uint64_t n);

/*
 * OCI content descriptor. digest is "<algorithm>:<lower-case hex>"; length_bytes is that of the blob.
 * Source: OCI image-spec 1.0, descriptor.md.
 */
struct ctr_descriptor {
	uint32_t size, reserved;
	const char *media_type, *digest;
	int64_t length_bytes;
	struct ctr_labels annotations;
};

#define CTR_DIGEST_ROOM 136 /* the longest digest with its NUL: "sha512:" and 128 hex digits */

/* Bytes that may still be growing while they are read, for example a layer in download. */
struct ctr_source {
	uint32_t size, reserved;
	int32_t fd; /* read with pread(2) only; borrowed, never closed by the reader */
	int32_t event_fd; /* poll(2) it: readable when status() has news; -1 when the source is complete */
	/* *ret_available bytes can be read now; *ret_complete is 1 when no more will come. A failed or
	 * abandoned source gives its code. Clears event_fd. Any thread, does not block. */
	ctr_code (*status)(const struct ctr_source *src, int64_t *ret_available,
			   int32_t *ret_complete, struct ctr_error *err);
	void *self;
};

#endif
