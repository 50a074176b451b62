/* SPDX-License-Identifier: Apache-2.0
 *
 * pull: Transfer OCIRegistry to ImageStore. Credentials go over a stream when the daemon asks,
 * never in the request.
 */
#include "cli/pull.h"

#include <errno.h>
#include <string.h>

#include "base/ident.h"
#include "base/str.h"
#include "cli/auth.h"
#include "cli/pbutil.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "cli/xfer.h"

struct pulling {
	struct cli *c;
	struct progress *progress;
	struct xfer_stream *auth;
	struct credential credential;
	int asked;
};

static void on_progress(void *ud, const Google__Protobuf__Any *any)
{
	struct pulling *p = ud;
	XFER(Progress) *update =
		pb_any_unpack(any, &containerd__types__transfer__progress__descriptor, PB_MAX);

	if (update)
		progress_update(p->progress, update);
	pb_free(update);
}

/*
 * Asked twice for the same pull: the credentials were refused, and sending them again would not
 * end.
 */
static void on_auth(void *ud, const Google__Protobuf__Any *any)
{
	struct pulling *p = ud;
	XFER(AuthResponse) resp = XFER_INIT(AUTH_RESPONSE);

	if (!pb_any_is(any, &containerd__types__transfer__auth_request__descriptor))
		return;
	if (p->asked++ < 8) {
		resp.authtype = p->credential.is_token
					? CONTAINERD__TYPES__TRANSFER__AUTH_TYPE__REFRESH
					: CONTAINERD__TYPES__TRANSFER__AUTH_TYPE__CREDENTIALS;
		resp.username = p->credential.username ? p->credential.username : pb_str("");
		resp.secret = p->credential.secret;
	}
	(void)xfer_send(p->auth, &resp, NULL);
}

/* Open the side stream for credentials if there are some for the name's registry. */
static ctr_code open_auth(struct pulling *p, const char *name, struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;
	struct image_ref ref;
	const char *reason;
	ctr_code code;

	if (image_ref_parse(name, &ref, &reason) < 0)
		return CTR_OK;
	code = auth_find(p->c, ref.host, &p->credential, &why);
	if (code == CTR_NOT_FOUND)
		return CTR_OK;
	if (code != CTR_OK)
		return ctr_move_error(err, &why);
	return xfer_open(p->c, "creds", on_auth, p, &p->auth, err);
}

static ctr_code transfer(struct pulling *p, const struct pull *o, const char *progress_id,
			 struct ctr_error *err)
{
	XFER(OCIRegistry) source = XFER_INIT(OCIREGISTRY);
	XFER(RegistryResolver) resolver = XFER_INIT(REGISTRY_RESOLVER);
	XFER(ImageStore) store = XFER_INIT(IMAGE_STORE);
	XFER(UnpackConfiguration) unpack = XFER_INIT(UNPACK_CONFIGURATION);
	TYPES(Platform) platform = TYPES_INIT(PLATFORM);
	XFER(UnpackConfiguration) *unpacks[] = { &unpack };
	TYPES(Platform) *platforms[] = { &platform };
	AUTO_PENDING pending = NULL;
	ctr_code code;

	platform.os = pb_str(o->platform->os);
	platform.architecture = pb_str(o->platform->arch);
	platform.variant = pb_str(o->platform->variant);
	resolver.auth_stream = pb_str(p->auth ? xfer_id(p->auth) : "");
	resolver.host_dir = pb_str(o->hosts_dir ? o->hosts_dir : "");
	resolver.default_scheme = pb_str(o->plain_http ? "http" : "");
	source.reference = pb_str(o->name);
	source.resolver = &resolver;
	unpack.platform = &platform;
	unpack.snapshotter = pb_str(o->snapshotter ? o->snapshotter : "");
	store.name = pb_str(o->name);
	store.unpacks = unpacks;
	store.n_unpacks = 1;
	if (!o->all_platforms) {
		store.platforms = platforms;
		store.n_platforms = 1;
	}
	code = xfer_start(p->c, &source, &store, progress_id, &pending, err);
	return code == CTR_OK ? rpc_finish(take_ptr(&pending), NULL, err) : code;
}

ctr_code image_pull(struct cli *c, const struct pull *o, struct ctr_error *err)
{
	struct pulling p = { .c = c, .progress = progress_new(o->quiet) };
	AUTO_XFER stream = NULL;
	ctr_code code = CTR_OK;

	if (!p.progress)
		return ctr_fail_errno(err, ENOMEM, "pull");
	if (!o->quiet)
		code = xfer_open(c, "progress", on_progress, &p, &stream, err);
	if (code == CTR_OK)
		code = open_auth(&p, o->name, err);
	if (code == CTR_OK)
		code = transfer(&p, o, stream ? xfer_id(stream) : NULL, err);
	xfer_free(p.auth);
	progress_free(p.progress);
	credential_done(&p.credential);
	return code;
}

ctr_code verb_pull(struct cli *c, struct ctr_error *err)
{
	struct platform platform;
	AUTO_FREE char *full = NULL;
	struct pull p = {
		.platform = &platform,
		.snapshotter = arg_text(&c->args, "snapshotter"),
		.quiet = arg_on(&c->args, "quiet"),
		.plain_http = arg_on(&c->args, "plain-http"),
		.all_platforms = arg_on(&c->args, "all-platforms"),
		.hosts_dir = arg_text(&c->args, "hosts-dir"),
	};
	ctr_code code;

	c->subject = c->args.rest[0];
	code = platform_parse(arg_text(&c->args, "platform"), &platform, err);
	if (code == CTR_OK)
		code = image_full_name(c->args.rest[0], &full, err);
	if (code != CTR_OK)
		return code;
	p.name = full;
	code = image_pull(c, &p, err);
	if (code != CTR_OK)
		return code;

	AUTO_BUF out = BUF_INIT(4096);

	buf_printf(&out, "%s\n", full);
	return out_flush(&out, err);
}
