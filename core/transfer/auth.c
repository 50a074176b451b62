/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials are the client's: it is asked over its stream, once a host, and the answer goes to
 * the worker and nowhere else. Coordinator only.
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "core/transfer/pull.h"
#include "rpc/pb.h"

#define CHALLENGE_MAX 8192

/* The header as the registry sent it, from its parts. NULL on OOM. */
static char *challenge_text(const WORKER(AuthNeeded) *need)
{
	AUTO_BUF b = BUF_INIT(CHALLENGE_MAX);

	buf_printf(&b, "%s realm=\"%s\"", str_eq(need->scheme, "bearer") ? "Bearer" : "Basic",
		   need->realm);
	if (*need->service)
		buf_printf(&b, ",service=\"%s\"", need->service);
	if (*need->scope)
		buf_printf(&b, ",scope=\"%s\"", need->scope);
	return buf_take(&b, NULL);
}

static ctr_code ask(struct pull *p, const WORKER(AuthNeeded) *need, TRANSFER(AuthResponse) **ret,
		    struct ctr_error *err)
{
	AUTO_FREE char *text = challenge_text(need);
	AUTO_PB Google__Protobuf__Any *any = NULL;
	TRANSFER(AuthRequest) req;
	ctr_code code;

	if (!text)
		return ctr_fail_errno(err, ENOMEM, "ask for credentials");
	containerd__types__transfer__auth_request__init(&req);
	req.host = need->host;
	req.reference = (char *)(uintptr_t)p->ref.full;
	req.wwwauthenticate = &text;
	req.n_wwwauthenticate = 1;
	code = stream_send(p->auth, &req, err);
	if (code == CTR_OK)
		code = stream_recv(p->auth, &p->job->call, &any, err);
	if (code != CTR_OK)
		return ctr_wrap(err, "ask for credentials of '%s'", need->host);
	*ret = any ? pb_any_unpack(any, &containerd__types__transfer__auth_response__descriptor,
				   TRANSFER_MESSAGE_MAX)
		   : NULL;
	if (any && !*ret)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"credentials of '%s': a message of type '%.128s'", need->host,
				pb_any_name(any));
	return CTR_OK;
}

ctr_code auth_answer(struct pull *p, uint64_t id, const WORKER(AuthNeeded) *need,
		     struct ctr_error *err)
{
	struct wire_wait wait = job_wait(p->job);
	AUTO_PB TRANSFER(AuthResponse) *answer = NULL;
	WORKER(Credentials) credentials;
	WORKER(Credential) c;
	worker_request req;
	ctr_code code = p->auth ? ask(p, need, &answer, err) : CTR_OK;

	if (code != CTR_OK)
		return code;
	ctr__worker__v1__credentials__init(&credentials);
	ctr__worker__v1__credential__init(&c);
	ctr__worker__v1__request__init(&req);
	c.host = need->host;
	if (answer && answer->authtype == CONTAINERD__TYPES__TRANSFER__AUTH_TYPE__HEADER)
		c.header = answer->secret;
	else if (answer)
		c.secret = answer->secret;
	if (answer && answer->authtype == CONTAINERD__TYPES__TRANSFER__AUTH_TYPE__CREDENTIALS)
		c.username = answer->username;
	if (answer && answer->authtype != CONTAINERD__TYPES__TRANSFER__AUTH_TYPE__NONE)
		credentials.credential = &c;
	req.id = id;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_CREDENTIALS;
	req.credentials = &credentials;
	return worker_send(p->fetch, &req, NULL, 0, &wait, err);
}
