/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and namespaces: what an identifier, a digest and a namespace may be, in containerd's words,
 * and the rows of namespaces, which the first write into one makes.
 */
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/meta/meta.h"

#define IDENT_PATTERN "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$"

ctr_code meta_ident_check(const char *what, const char *id, struct ctr_error *err)
{
	const char *colon = *what ? ": " : "";

	if (ident_valid(id))
		return CTR_OK;
	if (!*id)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s%sidentifier must not be empty", what,
				colon);
	if (strlen(id) > IDENT_MAX)
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"%s%sidentifier \"%.*s\" greater than maximum length (%d characters)", what,
			colon, 4 * IDENT_MAX, id, IDENT_MAX);
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "%s%sidentifier \"%s\" must match %s", what,
			colon, id, IDENT_PATTERN);
}

ctr_code meta_digest_check(const char *digest, struct ctr_error *err)
{
	if (digest_valid(digest))
		return CTR_OK;
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "\"%.200s\": invalid checksum digest format",
			digest);
}

ctr_code meta_namespace_check(const struct ctr_call *call, struct ctr_error *err)
{
	const char *name = call_ns(call);

	if (!*name)
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "namespace is required");
	return meta_ident_check("namespace validation", name, err);
}

ctr_code meta_namespace_named(struct ctr_txn *txn, const char *name, int create, int64_t *ret_ns,
			      struct ctr_error *err)
{
	ctr_code code = txn_int(
		txn, txn_query(txn, err, "SELECT id FROM namespace WHERE name = ?", "s", name), 0,
		ret_ns, err);

	if (code != CTR_OK || *ret_ns || !create)
		return code;
	int64_t now = clock_wall_ns();

	code = txn_exec(
		txn, err,
		"INSERT INTO namespace(name, labels, created, updated) VALUES(?, x'', ?, ?)", "sii",
		name, now, now);
	if (code != CTR_OK)
		return code;
	return txn_int(txn, txn_query(txn, err, "SELECT last_insert_rowid()", ""), 0, ret_ns, err);
}

ctr_code meta_namespace(struct ctr_txn *txn, const struct ctr_call *call, int create,
			int64_t *ret_ns, struct ctr_error *err)
{
	ctr_code code = meta_namespace_check(call, err);

	return code == CTR_OK ? meta_namespace_named(txn, call_ns(call), create, ret_ns, err)
			      : code;
}

ctr_code meta_namespace_label(struct ctr_txn *txn, const char *name, const char *key, char **ret,
			      struct ctr_error *err)
{
	AUTO_LABELS labels = META_LABELS_INIT;
	sqlite3_stmt *st =
		txn_query(txn, err, "SELECT labels FROM namespace WHERE name = ?", "s", name);
	int r = st ? txn_row(txn, st, err) : -1;
	ctr_code code = CTR_OK;

	if (r < 0)
		return txn_code(err);
	if (r > 0)
		code = meta_labels_column(st, 0, &labels, err);
	sqlite3_reset(st);
	if (code != CTR_OK)
		return code;
	const char *value = meta_label(meta_labels_view(&labels), key);
	char *copy = str_dup(value);

	if (value && !copy)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	*ret = copy;
	return CTR_OK;
}
