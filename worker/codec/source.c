/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a source: pread below the size that is known, then wait for more. The size is never taken
 * from fstat while the file grows, since only the writer knows which bytes are in place.
 */
#include "worker/codec/source.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

ctr_code source_file(struct source *s, int fd, struct ctr_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ctr_fail_errno(err, errno, "stat source");
	if (!S_ISREG(st.st_mode))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "source is not a regular file");

	source_growing(s, fd, (uint64_t)st.st_size, true, NULL, NULL);
	return CTR_OK;
}

void source_stream(struct source *s, int fd)
{
	*s = (struct source){ .fd = fd, .stream = true };
}

void source_growing(struct source *s, int fd, uint64_t size, bool complete, source_wait_fn wait,
		    void *ud)
{
	*s = (struct source){
		.fd = fd, .size = size, .complete = complete, .wait = wait, .wait_ud = ud
	};
}

ctr_code source_grow(struct source *s, uint64_t size, bool complete, struct ctr_error *err)
{
	if (s->complete && (size != s->size || !complete))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "source changes after its end");
	if (size < s->size || size > INT64_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"source of %" PRIu64 " bytes changes to %" PRIu64, s->size, size);

	s->size = size;
	s->complete = complete;
	return CTR_OK;
}

static ctr_code read_stream(struct source *s, void *data, size_t n, size_t *ret_n,
			    struct ctr_error *err)
{
	ssize_t r;

	do
		r = read(s->fd, data, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return ctr_fail_errno(err, errno, "read source");

	s->offset += (uint64_t)r;
	*ret_n = (size_t)r;
	return CTR_OK;
}

ctr_code source_read(struct source *s, void *data, size_t n, size_t *ret_n, struct ctr_error *err)
{
	ctr_code code;
	ssize_t r;

	if (s->stream)
		return read_stream(s, data, n, ret_n, err);

	while (s->offset == s->size && !s->complete) {
		if (!s->wait)
			return ctr_fail(err, CTR_INTERNAL, "source grows but nobody says so");
		code = s->wait(s->wait_ud, s, err);
		if (code != CTR_OK)
			return code;
	}

	n = (size_t)MIN((uint64_t)n, s->size - s->offset);
	if (!n) {
		*ret_n = 0;
		return CTR_OK;
	}

	do
		r = pread(s->fd, data, n, (off_t)s->offset);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return ctr_fail_errno(err, errno, "read source at %" PRIu64, s->offset);
	if (!r)
		return ctr_fail(err, CTR_DATA_LOSS, "source ends at byte %" PRIu64 " of %" PRIu64,
				s->offset, s->size);

	s->offset += (uint64_t)r;
	*ret_n = (size_t)r;
	return CTR_OK;
}
