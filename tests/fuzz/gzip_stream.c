/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a gzip stream, cut by the first byte: never a crash, and ISA-L and zlib agree on what a stream that both
 * accept decodes to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "worker/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static ctr_code grow(void *ud, struct source *s, struct ctr_error *err)
{
	const size_t *total = ud;
	uint64_t size = MIN(s->size + 17, (uint64_t)*total);

	return source_grow(s, size, size == *total, err);
}

static ctr_code decode(int fd, size_t n, size_t cut, bool use_zlib, char digest[CODEC_DIGEST_ROOM])
{
	struct codec_options opt = {
		.kind = CODEC_GZIP, .use_zlib = use_zlib, .max_bytes = 1U << 20, .out_bytes = 4096
	};
	AUTO_ERROR err = ERROR_INIT;
	AUTO_CODEC *c = NULL;
	struct source src;
	ctr_code code;

	source_growing(&src, fd, MIN(cut, n), cut >= n, grow, &n);
	code = codec_open(&src, &opt, &c, &err);
	if (code == CTR_OK)
		code = codec_drain(c, &err);
	if (code == CTR_OK)
		code = codec_digest(c, digest, &err);
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char a[CODEC_DIGEST_ROOM], b[CODEC_DIGEST_ROOM];
	AUTO_CLOSE int fd = memfd_create("gzip", MFD_CLOEXEC);

	if (!n || fd < 0 || io_write_full(fd, data + 1, n - 1) < 0)
		return 0;
	if (decode(fd, n - 1, data[0], false, a) == CTR_OK &&
	    decode(fd, n - 1, 255, true, b) == CTR_OK && strcmp(a, b) != 0)
		abort();
	return 0;
}
