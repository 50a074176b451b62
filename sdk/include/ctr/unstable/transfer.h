/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.transfer.v0": whole operations on images (pull, tag, export, import) between a
 * source and a destination, both messages of package containerd.types.transfer. Unstable: exact
 * version match.
 */
#ifndef CTR_UNSTABLE_TRANSFER_H
#define CTR_UNSTABLE_TRANSFER_H

#include <ctr/plugin.h>
#include <ctr/types.h>

#define CTR_SERVICE_TRANSFER "ctr.transfer.v0"

struct ctr_transfer_args {
	uint32_t size, reserved;
	struct ctr_any source, destination;
	const char *progress_stream; /* "" or a stream's id (ctr.streams.v0) */
};

struct ctr_transfer_ops {
	uint32_t size, reserved;
	/*
	 * Begin; arguments are copied, call must live until done has run. done is called once, on
	 * any thread, when and only when CTR_OK is returned here; text is borrowed.
	 * CTR_UNIMPLEMENTED: no such pair; CTR_INVALID_ARGUMENT: a message; CTR_NOT_FOUND: a
	 * stream; CTR_RESOURCE_EXHAUSTED: too many transfers wait. Does not block.
	 */
	ctr_code (*start)(const struct ctr_host *h, const struct ctr_call *call,
			  const struct ctr_transfer_args *args,
			  void (*done)(void *ud, ctr_code code, struct ctr_error *err), void *ud,
			  struct ctr_error *err);
};

#endif
