/* SPDX-License-Identifier: Apache-2.0
 *
 * A shim's answer to `start`, in its three historical forms, and the copy that a restarted daemon reads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "containerd/runtime/bootstrap/v1/bootstrap.pb-c.h"
#include "runtime.h"

#define VERSION_MAX 3

/* "unix:///path" -> path. Other schemes name sockets that this daemon does not dial. */
static ctr_code take_address(struct runtime *rt, const char *address, const char *protocol,
			     struct bootstrap *ret, struct ctr_error *err)
{
	if (protocol && *protocol && strcasecmp(protocol, "ttrpc") != 0)
		return rt->host->fail(err, CTR_UNIMPLEMENTED, "shim protocol '%s' is not supported",
				      protocol);
	if (!str_starts(address, "unix:///"))
		return rt->host->fail(err, CTR_UNIMPLEMENTED,
				      "address '%.200s' is not supported: only unix:///path is",
				      address);
	if (ret->version < 2 || ret->version > VERSION_MAX)
		return rt->host->fail(err, CTR_UNIMPLEMENTED, "shim version %d is not supported",
				      ret->version);
	ret->address = str_dup(address + strlen("unix://"));
	return ret->address ? CTR_OK : rt->host->fail_errno(err, ENOMEM, "shim address");
}

static ctr_code from_json(struct runtime *rt, const char *text, size_t n, struct bootstrap *ret,
			  struct ctr_error *err)
{
	json_error_t why;
	json_t *doc = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
	const char *address = json_string_value(json_object_get(doc, "address"));
	ctr_code code;

	ret->version = (int)json_integer_value(json_object_get(doc, "version"));
	if (!doc)
		code = rt->host->fail(err, CTR_INTERNAL, "shim's answer is no JSON: %s", why.text);
	else if (!address)
		code = rt->host->fail(err, CTR_INTERNAL, "shim's answer has no address");
	else
		code = take_address(rt, address,
				    json_string_value(json_object_get(doc, "protocol")), ret, err);
	json_decref(doc);
	return code;
}

ctr_code bootstrap_parse(struct runtime *rt, const char *text, size_t n, struct bootstrap *ret,
			 struct ctr_error *err)
{
	Containerd__Runtime__Bootstrap__V1__BootstrapResult *m =
		containerd__runtime__bootstrap__v1__bootstrap_result__unpack(NULL, n,
									     (const uint8_t *)text);

	if (m && m->version >= 2 && *m->address) {
		ret->version = m->version;
		ctr_code code = take_address(rt, m->address, m->protocol, ret, err);
		containerd__runtime__bootstrap__v1__bootstrap_result__free_unpacked(m, NULL);
		return code;
	}
	if (m)
		containerd__runtime__bootstrap__v1__bootstrap_result__free_unpacked(m, NULL);

	while (n && strchr(" \t\r\n", text[n - 1]))
		n--;
	while (n && strchr(" \t\r\n", *text)) {
		text++;
		n--;
	}
	if (n && *text == '{')
		return from_json(rt, text, n, ret, err);

	AUTO_FREE char *address = str_ndup(text, n);
	ret->version = 2;
	return take_address(rt, str_or(address, ""), NULL, ret, err);
}

int bootstrap_write(struct task *t, const struct bootstrap *b)
{
	AUTO_FREE char *address = str_printf("unix://%s", b->address);
	json_t *doc = json_pack("{s:i,s:s,s:s}", "version", b->version, "address",
				str_or(address, ""), "protocol", "ttrpc");
	AUTO_FREE char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	if (!text)
		return -ENOMEM;
	return bundle_write(t, "bootstrap.json", text, strlen(text), 0644);
}

ctr_code bootstrap_read(struct task *t, struct bootstrap *ret, struct ctr_error *err)
{
	struct runtime *rt = t->rt;
	AUTO_CLOSE int dir = bundle_open(t);
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	if (dir < 0)
		return rt->host->fail_errno(err, dir, "open bundle '%s'", t->bundle);
	int r = io_read_file(dir, "shim-binary-path", 4096, &t->binary, NULL);
	if (r < 0)
		return rt->host->fail_errno(err, r, "read '%s/shim-binary-path'", t->bundle);
	r = io_read_file(dir, "bootstrap.json", ANSWER_MAX, &text, &n);
	if (r == -ENOENT)
		r = io_read_file(dir, "address", ANSWER_MAX, &text, &n);
	if (r < 0)
		return rt->host->fail_errno(err, r, "read '%s/bootstrap.json'", t->bundle);
	return bootstrap_parse(rt, text, n, ret, err);
}

ctr_code task_connect(struct task *t, const struct bootstrap *b, struct ctr_error *err)
{
	t->version = b->version;
	return t->rt->ttrpc->connect(t->rt->host, b->address, shim_died, t, &t->conn, err);
}
