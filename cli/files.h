/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's own files of a container: hosts, hostname and resolv.conf to be mounted, its FIFOs,
 * its logs. All lie below the client's state directory or the log root, in one directory a
 * container.
 */
#ifndef CTR_CLI_FILES_H
#define CTR_CLI_FILES_H

#include "cli/cli.h"

struct container_files {
	char *hosts, *hostname, *resolv;
};
void container_files_done(struct container_files *f);
#define AUTO_FILES AUTO(container_files_done) struct container_files

/* Write them (again); extra: "name:ip" or NULL. */
ctr_code files_write(struct cli *c, const char *id, const char *hostname, int own_network,
		     char *const *extra, struct container_files *ret, struct ctr_error *err);

/* The log's path, its directory made. *ret malloc'ed. */
ctr_code files_log_path(struct cli *c, const char *id, char **ret, struct ctr_error *err);
/* A new directory for the FIFOs of a process (exec_id NULL: the first), 0700. *ret malloc'ed. */
ctr_code files_fifo_dir(struct cli *c, const char *id, const char *exec_id, char **ret,
			struct ctr_error *err);
void files_remove_fifos(const char *dir);

/*
 * Everything of a container that is gone, its logs too if it has some. Failures leave files, no
 * more.
 */
void files_remove(struct cli *c, const char *id, int logs);

#endif
