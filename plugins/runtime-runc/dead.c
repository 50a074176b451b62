/* SPDX-License-Identifier: Apache-2.0
 *
 * A shim that went away: its delete binary kills and removes the container, then the exit (unless it was told before)
 * and the delete are published, the bundle goes, and deletes that waited are answered.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "containerd/task/v2/shim.pb-c.h"
#include "runtime.h"

#define LOST_STATUS 255

/* Who waits is answered with how the task ended, as far as it waits for that. */
static void answer_waiting(struct task *t, uint32_t pid, uint32_t status, int64_t at_ns)
{
	struct ctr_task_result r = {
		.size = sizeof(r),
		.status = CTR_TASK_STOPPED,
		.pid = pid,
		.exit_status = status,
		.exited_at_ns = at_ns,
		.id = t->id,
		.exec_id = "",
		.bundle = t->bundle,
		.stdin_path = "",
		.stdout_path = "",
		.stderr_path = "",
		.stats = { "", NULL, 0 },
	};

	list_for_safe (it, &t->waiting) {
		struct request *q = list_entry(it, struct request, link);

		if (q->op != CTR_TASK_DELETE || !q->of_init)
			continue;
		list_del(&q->link);
		finish_request(q, CTR_OK, NULL, &r);
	}
}

static void on_cleaned(void *ud, int ok, const char *output, size_t n)
{
	struct task *t = ud;
	uint32_t pid = t->pid, status = LOST_STATUS;
	int64_t at_ns = clock_wall_ns();
	Containerd__Task__V2__DeleteResponse *m =
		ok ? containerd__task__v2__delete_response__unpack(NULL, n, (const uint8_t *)output)
		   : NULL;

	if (m) {
		pid = m->pid ? m->pid : pid;
		status = m->exit_status;
		containerd__task__v2__delete_response__free_unpacked(m, NULL);
	} else {
		t->rt->host->log(t->rt->host, CTR_LOG_WARN,
				 "task %s: the shim's delete failed: %.*s", t->key, (int)n, output);
	}
	if (exit_kept(t->rt, t->ns, t->id, &status, &at_ns) < 0)
		publish_exit(t, pid, status, at_ns);
	publish_delete(t, pid, status, at_ns);
	bundle_remove(t);
	answer_waiting(t, pid, status, at_ns);
	task_forget(t);
	task_unref(t);
}

void clean_dead(struct task *t)
{
	struct ctr_error *err = t->rt->host->error_new();

	t->phase = TASK_DEAD;
	task_ref(t);
	if (!t->binary ||
	    binary_run(t, "delete", 1, CLEANUP_LIMIT_NS, on_cleaned, t, err) != CTR_OK)
		on_cleaned(t, 0, t->rt->host->error_text(err), 0);
	t->rt->host->error_free(err);
}

void shim_died(void *task)
{
	struct task *t = task;

	if (t->rt->stopping || !t->in_map || t->phase == TASK_DELETING || t->phase == TASK_DEAD)
		return;
	t->rt->host->log(t->rt->host, CTR_LOG_WARN, "task %s: its shim has gone: cleaning up",
			 t->key);
	clean_dead(t);
}
