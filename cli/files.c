/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's own files of a container.
 */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/files.h"

#define RESOLV_MAX 65536

void container_files_done(struct container_files *f)
{
	free(f->hosts);
	free(f->hostname);
	free(f->resolv);
	*f = (struct container_files){ 0 };
}

/* "<root>/<kind>/<namespace>/<name>" */
static char *place(const char *root, const char *kind, const struct cli *c, const char *name)
{
	return root ? str_printf("%s%s%s/%s/%s", root, kind[0] ? "/" : "", kind, c->ns, name)
		    : NULL;
}

static ctr_code own_dir(const char *path, int *ret_fd, struct ctr_error *err)
{
	int fd = path ? path_own_dir(path, 0700) : -ENOMEM;

	if (fd < 0)
		return ctr_fail_errno(err, fd, "make '%s'", path ? path : "directory");
	*ret_fd = fd;
	return CTR_OK;
}

static ctr_code put(int dir, const char *dir_path, const char *name, char *text, char **ret,
		    struct ctr_error *err)
{
	AUTO_FREE char *owned = text;
	int r = owned ? io_write_file(dir, name, owned, strlen(owned), 0644, 0) : -ENOMEM;

	if (r < 0)
		return ctr_fail_errno(err, r, "write '%s/%s'", dir_path, name);
	*ret = str_printf("%s/%s", dir_path, name);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "write '%s/%s'", dir_path, name);
}

ctr_code files_write(struct cli *c, const char *id, const char *hostname, int own_network,
		     char *const *extra, struct container_files *ret, struct ctr_error *err)
{
	AUTO_FREE char *path = place(cli_state_dir(c), "containers", c, id);
	AUTO_FREE char *host_resolv = NULL;
	AUTO_FILES f = { 0 };
	AUTO_CLOSE int dir = -1;
	ctr_code code = own_dir(path, &dir, err);

	if (code == CTR_OK)
		code = put(dir, path, "hosts", oci_hosts_text(hostname, NULL, extra), &f.hosts,
			   err);
	if (code == CTR_OK)
		code = put(dir, path, "hostname", oci_hostname_text(hostname), &f.hostname, err);
	/* a host without the file has no name servers to pass on */
	if (io_read_file(AT_FDCWD, "/etc/resolv.conf", RESOLV_MAX, &host_resolv, NULL) < 0)
		host_resolv = str_dup("");
	if (code == CTR_OK && !host_resolv)
		code = ctr_fail_errno(err, ENOMEM, "resolv.conf");
	if (code == CTR_OK)
		code = put(dir, path, "resolv.conf", oci_resolv_text(host_resolv, own_network),
			   &f.resolv, err);
	if (code != CTR_OK)
		return code;
	*ret = f;
	f = (struct container_files){ 0 };
	return CTR_OK;
}

ctr_code files_log_path(struct cli *c, const char *id, char **ret, struct ctr_error *err)
{
	AUTO_FREE char *path = place(cli_log_root(c), "", c, id);
	AUTO_CLOSE int dir = -1;
	ctr_code code = own_dir(path, &dir, err);

	if (code != CTR_OK)
		return code;
	*ret = str_printf("%s/%s-json.log", path, id);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "log path");
}

ctr_code files_fifo_dir(struct cli *c, const char *id, const char *exec_id, char **ret,
			struct ctr_error *err)
{
	AUTO_FREE char *name = exec_id ? str_printf("%s-%s", id, exec_id) : str_dup(id);
	AUTO_FREE char *path = name ? place(cli_state_dir(c), "fifo", c, name) : NULL;
	AUTO_CLOSE int dir = -1;
	ctr_code code;

	if (path)
		files_remove_fifos(path);
	code = own_dir(path, &dir, err);
	if (code == CTR_OK)
		*ret = take_ptr(&path);
	return code;
}

/* Remove the directory path and what it holds; the parent is opened as it is, for it is ours. */
static void remove_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = str_ndup(path, (size_t)(slash - path));
	AUTO_CLOSE int fd =
		parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd >= 0)
		(void)path_remove_tree(fd, slash + 1);
}

void files_remove_fifos(const char *dir)
{
	remove_dir(dir);
}

void files_remove(struct cli *c, const char *id, int logs)
{
	AUTO_FREE char *own = place(cli_state_dir(c), "containers", c, id);
	AUTO_FREE char *fifos = place(cli_state_dir(c), "fifo", c, id);
	AUTO_FREE char *log = logs ? place(cli_log_root(c), "", c, id) : NULL;

	if (own)
		remove_dir(own);
	if (fifos)
		remove_dir(fifos);
	if (log)
		remove_dir(log);
}
