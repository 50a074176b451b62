/* SPDX-License-Identifier: Apache-2.0
 *
 * The seccomp allow-lists. What is not listed fails with EPERM (ENOSYS where libc then takes
 * another way); nothing lists exec, mount, ptrace, namespaces, keys, bpf or new sockets beyond what
 * name resolution and HTTP need.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/cage/parts.h"

#define SYS(n) SCMP_SYS(n)

/* Every role: memory, the descriptors it was given, time, threads' locks, its own end. */
static const int basic[] = {
	SYS(read),
	SYS(write),
	SYS(readv),
	SYS(writev),
	SYS(pread64),
	SYS(pwrite64),
	SYS(close),
	SYS(fstat),
	SYS(lseek),
	SYS(poll),
	SYS(ppoll),
	SYS(sendmsg),
	SYS(recvmsg),
	SYS(sendto),
	SYS(recvfrom),
	SYS(brk),
	SYS(munmap),
	SYS(mremap),
	SYS(madvise),
	SYS(futex),
	SYS(exit),
	SYS(exit_group),
	SYS(rt_sigreturn),
	SYS(rt_sigprocmask),
	SYS(rt_sigaction),
	SYS(sigaltstack),
	SYS(restart_syscall),
	SYS(clock_gettime),
	SYS(clock_nanosleep),
	SYS(nanosleep),
	SYS(gettimeofday),
	SYS(time),
	SYS(getrandom),
	SYS(getpid),
	SYS(gettid),
	SYS(getuid),
	SYS(geteuid),
	SYS(getgid),
	SYS(getegid),
	SYS(sched_yield),
	SYS(rseq),
	SYS(set_robust_list),
	SYS(fcntl),
	SYS(dup),
	SYS(sched_getaffinity),
	SYS(sysinfo),
	SYS(uname),
	SYS(getrlimit),
	SYS(pipe2),
	SYS(membarrier),
	SYS(getcpu),
};

/* Looking at files. */
static const int reading[] = {
	SYS(open),       SYS(openat),    SYS(openat2),    SYS(stat),       SYS(lstat),
	SYS(newfstatat), SYS(fstatat64), SYS(statx),      SYS(fstatfs),    SYS(statfs),
	SYS(getdents64), SYS(readlink),  SYS(readlinkat), SYS(access),     SYS(faccessat),
	SYS(faccessat2), SYS(getcwd),    SYS(fadvise64),  SYS(readahead),  SYS(getxattr),
	SYS(lgetxattr),  SYS(fgetxattr), SYS(listxattr),  SYS(llistxattr), SYS(flistxattr),
};

static const int fetching[] = {
	SYS(connect),         SYS(bind),        SYS(getsockopt),
	SYS(setsockopt),      SYS(getsockname), SYS(getpeername),
	SYS(shutdown),        SYS(sendmmsg),    SYS(recvmmsg),
	SYS(select),          SYS(pselect6),    SYS(eventfd2),
	SYS(ftruncate),       SYS(fallocate),   SYS(set_tid_address),
	SYS(epoll_create1),   SYS(epoll_ctl),   SYS(epoll_wait),
	SYS(epoll_pwait),     SYS(fdatasync),   SYS(fsync),
	SYS(sync_file_range),
};

static const int unpacking[] = {
	SYS(mkdir),        SYS(mkdirat),      SYS(mknod),
	SYS(mknodat),      SYS(symlink),      SYS(symlinkat),
	SYS(link),         SYS(linkat),       SYS(unlink),
	SYS(unlinkat),     SYS(rmdir),        SYS(rename),
	SYS(renameat),     SYS(renameat2),    SYS(chown),
	SYS(lchown),       SYS(fchown),       SYS(fchownat),
	SYS(chmod),        SYS(fchmod),       SYS(fchmodat),
	SYS(utimensat),    SYS(futimesat),    SYS(setxattr),
	SYS(lsetxattr),    SYS(fsetxattr),    SYS(removexattr),
	SYS(lremovexattr), SYS(fremovexattr), SYS(ftruncate),
	SYS(truncate),     SYS(fallocate),    SYS(copy_file_range),
	SYS(sendfile),     SYS(splice),       SYS(umask),
	SYS(fsync),        SYS(fdatasync),    SYS(sync_file_range),
	SYS(fchdir),       SYS(chdir),
};

static const int comparing[] = {
	SYS(ftruncate), SYS(fallocate), SYS(copy_file_range), SYS(sendfile),
	SYS(fsync),     SYS(fdatasync), SYS(fchdir),
};

/*
 * libc has another way when these are missing, which the filter can look into or which is harmless.
 */
static const int missing[] = {
	SYS(clone3),      SYS(close_range),    SYS(epoll_pwait2),
	SYS(futex_waitv), SYS(io_uring_setup), SYS(memfd_create),
};

static int allow_all(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);

		if (r < 0 && r != -EDOM) /* EDOM: this architecture does not have it */
			return r;
	}
	return 0;
}

/* New memory is never executable, unless the role loads libraries (name services). */
static int allow_memory(scmp_filter_ctx ctx, int libraries)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(mprotect), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Libraries: from a file only, and never writable at the same time. */
	if (r == 0 && libraries)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(mmap), 2,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
				     SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
	return r;
}

/*
 * Sockets of the internet, and the route socket that getaddrinfo asks which families there are.
 * Threads.
 */
static int allow_network(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_INET, AF_INET6, AF_NETLINK };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(socketpair), 1,
				     SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, FIONBIO, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ,
					     CLONE_THREAD | CLONE_NEWUSER | CLONE_NEWNS,
					     CLONE_THREAD));
	return r;
}

static int add_role(scmp_filter_ctx ctx, enum worker_role role)
{
	int r = 0;

	switch (role) {
	case ROLE_PARSE:
	case ROLE_IMPORT:
		return 0;
	case ROLE_FETCH:
		r = allow_all(ctx, reading, ARRAY_SIZE(reading));
		if (r == 0)
			r = allow_all(ctx, fetching, ARRAY_SIZE(fetching));
		return r == 0 ? allow_network(ctx) : r;
	case ROLE_UNPACK:
		r = allow_all(ctx, reading, ARRAY_SIZE(reading));
		return r == 0 ? allow_all(ctx, unpacking, ARRAY_SIZE(unpacking)) : r;
	case ROLE_COMPARE:
		r = allow_all(ctx, reading, ARRAY_SIZE(reading));
		return r == 0 ? allow_all(ctx, comparing, ARRAY_SIZE(comparing)) : r;
	}
	return -EINVAL;
}

static int build(scmp_filter_ctx ctx, enum worker_role role)
{
	int r = allow_all(ctx, basic, ARRAY_SIZE(basic));

	/* Signals (abort) and limits: of this process alone. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(prlimit64), 1,
				     SCMP_A0(SCMP_CMP_EQ, 0, 0));
	for (size_t i = 0; i < ARRAY_SIZE(missing) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), missing[i], 0);
	/* fstat() of newer libc; with a path it is a look at the file system. */
	if (r == 0 && (role == ROLE_PARSE || role == ROLE_IMPORT))
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS(newfstatat), 1,
				     SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
	if (r == 0)
		r = allow_memory(ctx, role == ROLE_FETCH);
	return r == 0 ? add_role(ctx, role) : r;
}

ctr_code cage_filter(enum worker_role role, struct ctr_error *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (!ctx)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"make the seccomp filter: out of memory");
	int r = build(ctx, role);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r < 0 ? ctr_fail_errno(err, r, "load the seccomp filter") : CTR_OK;
}
