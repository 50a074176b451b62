/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers by what people type: a name, an id, the beginning of an id. Names are a label, unique
 * in a namespace.
 */
#ifndef CTR_CLI_CONTAINER_H
#define CTR_CLI_CONTAINER_H

#include <jansson.h>

#include "cli/api.h"
#include "cli/cli.h"

#define LABEL_NAME        "io.ctr.name"
#define LABEL_LOG         "io.ctr.log"     /* path of the newest log file */
#define LABEL_LOG_URI     "io.ctr.log-uri" /* stdout of the task */
#define LABEL_STOP_SIGNAL "io.ctr.stop-signal"
#define LABEL_NET         "io.ctr.net"
#define LABEL_HOSTS       "io.ctr.extra-hosts" /* "name:ip name:ip" */

#define SHORT_ID 12
#define ID_LEN   64

/* NOT_FOUND, or INVALID_ARGUMENT naming the matches of an ambiguous beginning. *ret: pb_free(). */
ctr_code container_find(struct cli *c, const char *name, CONTAINERS(Container) **ret,
			struct ctr_error *err);
/* The id alone; err as container_find(). *ret malloc'ed. */
ctr_code container_id(struct cli *c, const char *name, char **ret, struct ctr_error *err);

const char *container_label(const CONTAINERS(Container) *k, const char *key); /* NULL: none */
/* Its name, or its id when it has none (shortened unless full); into ret. */
void container_title(const CONTAINERS(Container) *k, int full, char ret[80]);
/* At most 12 characters of an id of 64 hex digits; other ids stay whole. */
void short_id(const char *id, char ret[80]);

/* The spec as JSON; INVALID_ARGUMENT when there is none. New reference. */
ctr_code container_spec(const CONTAINERS(Container) *k, json_t **ret, struct ctr_error *err);

/* Is the name taken by another container than id (NULL: any)? ALREADY_EXISTS with who has it. */
ctr_code container_name_free(struct cli *c, const char *name, const char *id,
			     struct ctr_error *err);
/* Filter for the holders of a name; malloc'ed. */
char *container_name_filter(const char *name);

/* State of the task, or NOT_FOUND. *ret: pb_free(). */
ctr_code task_get(struct cli *c, const char *id, const char *exec_id, TASKS(GetResponse) **ret,
		  struct ctr_error *err);
const char *task_state_text(int status); /* "created", "running", ... */

/* Delete the container, its snapshot and the client's files; the task must be gone. */
ctr_code container_remove(struct cli *c, const CONTAINERS(Container) *k, struct ctr_error *err);

#endif
