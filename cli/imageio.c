/* SPDX-License-Identifier: Apache-2.0
 *
 * save and load: an image archive through Transfer's byte streams. The receiver grants a window,
 * the sender stays in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/image.h"
#include "cli/pbutil.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "cli/xfer.h"

#define WINDOW 65536
#define PIECE  32768

struct byte_stream {
	struct cli *c;
	struct xfer_stream *stream;
	int fd;
	int64_t window; /* save: granted by us and not used; load: granted to us */
	int failed;     /* -errno */
	struct rpc_pending *transfer;
};

static void stop_loop(void *ud)
{
	loop_stop(((struct byte_stream *)ud)->c->loop);
}

static void grant(struct byte_stream *b)
{
	XFER(WindowUpdate) update = XFER_INIT(WINDOW_UPDATE);

	update.update = WINDOW;
	b->window += WINDOW;
	(void)xfer_send(b->stream, &update, NULL);
}

static void on_data(void *ud, const Google__Protobuf__Any *any)
{
	struct byte_stream *b = ud;
	XFER(Data) *data =
		pb_any_unpack(any, &containerd__types__transfer__data__descriptor, PB_MAX);

	if (!data || b->failed) {
		pb_free(data);
		return;
	}
	b->failed = io_write_full(b->fd, data->data.data, data->data.len);
	b->window -= (int64_t)data->data.len;
	if (b->failed)
		loop_stop(b->c->loop);
	else if (b->window < WINDOW)
		grant(b);
	pb_free(data);
}

static void on_window(void *ud, const Google__Protobuf__Any *any)
{
	struct byte_stream *b = ud;
	XFER(WindowUpdate) *update =
		pb_any_unpack(any, &containerd__types__transfer__window_update__descriptor, PB_MAX);

	if (update && update->update > 0)
		b->window += update->update;
	pb_free(update);
	loop_stop(b->c->loop);
}

/* Until the transfer and, for save, its stream have ended. */
static ctr_code run_out(struct byte_stream *b, int whole, struct ctr_error *err)
{
	int r = 0;
	ctr_code code;

	rpc_on_done(b->transfer, stop_loop, b);
	while (!b->failed && !rpc_is_done(b->transfer) && r == 0)
		r = loop_run(b->c->loop);
	if (r < 0 || b->failed) {
		rpc_cancel(take_ptr(&b->transfer));
		return ctr_fail_errno(err, r < 0 ? r : b->failed, "archive");
	}
	code = rpc_finish(take_ptr(&b->transfer), NULL, err);
	if (code == CTR_OK && whole) {
		void *none = NULL;

		/* the last bytes may be behind the answer */
		code = rpc_stream_recv(xfer_rpc(b->stream), &none, err);
	}
	return code == CTR_OK && b->failed ? ctr_fail_errno(err, b->failed, "archive") : code;
}

static ctr_code save(struct byte_stream *b, struct platform *platform, struct ctr_error *err)
{
	XFER(ImageStore) store = XFER_INIT(IMAGE_STORE);
	XFER(ImageExportStream) to = XFER_INIT(IMAGE_EXPORT_STREAM);
	XFER(ImageReference) refs[64], *list[64];
	TYPES(Platform) want = TYPES_INIT(PLATFORM), *platforms[] = { &want };
	char *names[64] = { NULL };
	ctr_code code = CTR_OK;
	size_t n;

	for (n = 0; code == CTR_OK && n < b->c->args.n_rest && n < ARRAY_SIZE(names); n++) {
		AUTO_PB IMAGES(Image) *image = NULL;

		code = image_find(b->c, b->c->args.rest[n], &image, err);
		if (code == CTR_OK)
			names[n] = str_dup(image->name);
		refs[n] = (XFER(ImageReference))XFER_INIT(IMAGE_REFERENCE);
		refs[n].name = names[n] ? names[n] : pb_str("");
		list[n] = &refs[n];
	}
	if (code == CTR_OK) {
		store.name = names[0];
		store.extra_references = list + 1;
		store.n_extra_references = n - 1;
		to.stream = pb_str(xfer_id(b->stream));
		to.all_platforms = platform == NULL;
		if (platform) {
			want.os = platform->os;
			want.architecture = platform->arch;
			want.variant = platform->variant;
			to.platforms = platforms;
			to.n_platforms = 1;
		}
		grant(b);
		code = xfer_start(b->c, &store, &to, NULL, &b->transfer, err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		free(names[i]);
	return code == CTR_OK ? run_out(b, 1, err) : code;
}

ctr_code verb_save(struct cli *c, struct ctr_error *err)
{
	const char *path = arg_text(&c->args, "output");
	struct byte_stream b = { .c = c };
	struct platform platform;
	AUTO_XFER stream = NULL;
	AUTO_CLOSE int file = -1;
	ctr_code code = platform_parse(arg_text(&c->args, "platform"), &platform, err);

	c->subject = c->args.rest[0];
	if (code != CTR_OK)
		return code;
	if (!path && isatty(STDOUT_FILENO))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"an archive is nothing for a terminal: use -o FILE or a pipe");
	if (path) {
		file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (file < 0)
			return ctr_fail_errno(err, errno, "open '%s'", path);
	}
	b.fd = path ? file : STDOUT_FILENO;
	code = xfer_open(c, "export", on_data, &b, &stream, err);
	b.stream = stream;
	if (code == CTR_OK)
		code = save(&b, arg_on(&c->args, "all-platforms") ? NULL : &platform, err);
	if (code != CTR_OK && path)
		(void)unlink(path); /* half an archive is worth nothing */
	return code;
}

/* Wait for room, then send what fits of the piece. */
static ctr_code send_piece(struct byte_stream *b, const char *data, size_t n, struct ctr_error *err)
{
	while (n > 0) {
		XFER(Data) piece = XFER_INIT(DATA);
		size_t now;
		int r = 0;
		ctr_code code;

		while (b->window <= 0 && !rpc_is_done(b->transfer) && !xfer_ended(b->stream) &&
		       r == 0)
			r = loop_run(b->c->loop);
		if (r < 0)
			return ctr_fail_errno(err, r, "event loop");
		if (b->window <= 0)
			return CTR_OK; /* it has ended: the transfer's answer tells why */
		now = MIN(n, (size_t)b->window);
		piece.data.data = (uint8_t *)(uintptr_t)data;
		piece.data.len = now;
		code = xfer_send(b->stream, &piece, err);
		if (code == CTR_OK)
			code = rpc_stream_flush(xfer_rpc(b->stream), err);
		if (code != CTR_OK)
			return rpc_is_done(b->transfer) ? CTR_OK : code;
		b->window -= (int64_t)now;
		data += now;
		n -= now;
	}
	return CTR_OK;
}

static ctr_code feed(struct byte_stream *b, struct ctr_error *err)
{
	ctr_code code = CTR_OK;

	rpc_on_done(b->transfer, stop_loop, b);
	while (code == CTR_OK && !rpc_is_done(b->transfer)) {
		char data[PIECE];
		ssize_t n = io_read_full(b->fd, data, sizeof(data));

		if (n < 0)
			return ctr_fail_errno(err, (int)n, "read the archive");
		if (n == 0)
			break;
		code = send_piece(b, data, (size_t)n, err);
	}
	rpc_stream_half_close(xfer_rpc(b->stream));
	return code;
}

static void on_progress(void *ud, const Google__Protobuf__Any *any)
{
	XFER(Progress) *update =
		pb_any_unpack(any, &containerd__types__transfer__progress__descriptor, PB_MAX);

	if (update)
		progress_update(ud, update);
	pb_free(update);
}

static ctr_code load(struct byte_stream *b, const struct platform *platform, const char *progress,
		     struct ctr_error *err)
{
	XFER(ImageImportStream) from = XFER_INIT(IMAGE_IMPORT_STREAM);
	XFER(ImageStore) store = XFER_INIT(IMAGE_STORE);
	XFER(UnpackConfiguration)
	unpack = XFER_INIT(UNPACK_CONFIGURATION), *unpacks[] = { &unpack };
	XFER(ImageReference) any_name = XFER_INIT(IMAGE_REFERENCE), *refs[] = { &any_name };
	TYPES(Platform) want = TYPES_INIT(PLATFORM);
	const char *snapshotter = arg_text(&b->c->args, "snapshotter");
	ctr_code code;

	want.os = pb_str(platform->os);
	want.architecture = pb_str(platform->arch);
	want.variant = pb_str(platform->variant);
	unpack.platform = &want;
	unpack.snapshotter = pb_str(snapshotter ? snapshotter : "");
	/* every name that the archive gives */
	any_name.name = pb_str("");
	any_name.is_prefix = 1;
	any_name.allow_overwrite = 1;
	store.extra_references = refs;
	store.n_extra_references = 1;
	store.unpacks = unpacks;
	store.n_unpacks = 1;
	from.stream = pb_str(xfer_id(b->stream));
	code = xfer_start(b->c, &from, &store, progress, &b->transfer, err);
	if (code == CTR_OK)
		code = feed(b, err);
	if (code != CTR_OK) {
		rpc_cancel(take_ptr(&b->transfer));
		return code;
	}
	return run_out(b, 0, err);
}

ctr_code verb_load(struct cli *c, struct ctr_error *err)
{
	const char *path = arg_text(&c->args, "input");
	struct byte_stream b = { .c = c };
	struct progress *progress = progress_new(arg_on(&c->args, "quiet"));
	struct platform platform;
	AUTO_XFER stream = NULL;
	AUTO_XFER side = NULL;
	AUTO_CLOSE int file = -1;
	ctr_code code = platform_parse(arg_text(&c->args, "platform"), &platform, err);

	c->subject = path;
	if (code == CTR_OK && !progress)
		code = ctr_fail_errno(err, ENOMEM, "load");
	if (code == CTR_OK && path) {
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			code = ctr_fail_errno(err, errno, "open");
	}
	b.fd = path ? file : STDIN_FILENO;
	if (code == CTR_OK)
		code = xfer_open(c, "import", on_window, &b, &stream, err);
	b.stream = stream;
	if (code == CTR_OK)
		code = xfer_open(c, "progress", on_progress, progress, &side, err);
	if (code == CTR_OK)
		code = load(&b, &platform, xfer_id(side), err);
	progress_free(progress);
	return code;
}
