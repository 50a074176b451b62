/* SPDX-License-Identifier: Apache-2.0
 *
 * Probing the machine: each question is one small file or system call, and a failing one reads as
 * "no".
 */
#include "oci/host.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"
#include "oci/caps.h"

#define SMALL_MAX    4096
#define PROFILES_MAX (1024 * 1024)

static int apparmor_enabled(void)
{
	AUTO_FREE char *text = NULL;

	return io_read_file(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", SMALL_MAX, &text,
			    NULL) == 0 &&
	       text[0] == 'Y';
}

int oci_apparmor_loaded(const char *name)
{
	AUTO_FREE char *text = NULL;
	size_t n = strlen(name);

	if (io_read_file(AT_FDCWD, "/sys/kernel/security/apparmor/profiles", PROFILES_MAX, &text,
			 NULL) < 0)
		return 0;
	/* lines of the form "name (enforce)" */
	for (const char *p = text; *p;) {
		if (strncmp(p, name, n) == 0 && strncmp(p + n, " (", 2) == 0)
			return 1;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return 0;
}

static int can_lower_oom(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;
	int yes = caps && cap_get_flag(caps, CAP_SYS_RESOURCE, CAP_EFFECTIVE, &value) == 0 &&
		  value == CAP_SET;

	cap_free(caps);
	return yes;
}

static int own_oom_score(void)
{
	AUTO_FREE char *text = NULL;
	int64_t n;

	if (io_read_file(AT_FDCWD, "/proc/self/oom_score_adj", SMALL_MAX, &text, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = 0;
	return parse_i64(text, &n) == 0 && n >= -1000 && n <= 1000 ? (int)n : 0;
}

static void kernel_version(unsigned *major, unsigned *minor)
{
	struct utsname u;
	unsigned part[2] = { 0, 0 };
	const char *p;

	if (uname(&u) < 0)
		return;
	p = u.release;
	for (int i = 0; i < 2; i++) {
		while (*p >= '0' && *p <= '9' && part[i] < 100000)
			part[i] = part[i] * 10 + (unsigned)(*p++ - '0');
		p += *p == '.';
	}
	*major = part[0];
	*minor = part[1];
}

void oci_host_probe(struct oci_host *ret)
{
	struct statfs fs;
	struct oci_host h = { 0 };

	h.caps = oci_caps_available();
	h.cgroup2 = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
	h.apparmor = apparmor_enabled();
	h.apparmor_default = h.apparmor && oci_apparmor_loaded(OCI_APPARMOR_DEFAULT);
	h.seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
	kernel_version(&h.kernel_major, &h.kernel_minor);
	h.can_lower_oom = can_lower_oom();
	h.oom_score_adj = own_oom_score();
	*ret = h;
}
