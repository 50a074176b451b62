/* SPDX-License-Identifier: Apache-2.0
 *
 * An event from a closure: packed at once, sent after the fsync.
 */
#include "core/meta/meta.h"
#include "base/macros.h"
#include "rpc/pb.h"

#define EVENT_MAX (4 * 1024 * 1024)

ctr_code meta_publish(struct ctr_txn *txn, const char *ns, const char *topic,
		      const ProtobufCMessage *message, struct ctr_error *err)
{
	AUTO_FREE void *data = NULL;
	size_t n = 0;
	int r = pb_pack(message, EVENT_MAX, &data, &n);

	if (r < 0)
		return ctr_fail_errno(err, r, "event %s", topic);
	return txn_event(txn, ns, topic, message->descriptor->name, data, n, err);
}
