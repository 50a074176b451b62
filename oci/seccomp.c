/* SPDX-License-Identifier: Apache-2.0
 *
 * The default seccomp profile: a table of groups of system calls, each with the condition under
 * which it is allowed. The meaning is the one container users know; io_uring stays out, since it
 * bypasses the other rules.
 */
#include "oci/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "base/str.h"
#include "oci/caps.h"
#include "oci/json.h"

#define NAMESPACE_FLAGS                                                                            \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP)

/* Always allowed. */
static const char *const always[] = {
	/* files and directories */
	"access",
	"chdir",
	"chmod",
	"chown",
	"chown32",
	"close",
	"close_range",
	"copy_file_range",
	"creat",
	"dup",
	"dup2",
	"dup3",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fadvise64_64",
	"fallocate",
	"fanotify_mark",
	"fchdir",
	"fchmod",
	"fchmodat",
	"fchmodat2",
	"fchown",
	"fchown32",
	"fchownat",
	"fcntl",
	"fcntl64",
	"fdatasync",
	"fgetxattr",
	"flistxattr",
	"flock",
	"fremovexattr",
	"fsetxattr",
	"fstat",
	"fstat64",
	"fstatat64",
	"fstatfs",
	"fstatfs64",
	"fsync",
	"ftruncate",
	"ftruncate64",
	"futimesat",
	"getcwd",
	"getdents",
	"getdents64",
	"getxattr",
	"inotify_add_watch",
	"inotify_init",
	"inotify_init1",
	"inotify_rm_watch",
	"ioctl",
	"lchown",
	"lchown32",
	"lgetxattr",
	"link",
	"linkat",
	"listxattr",
	"llistxattr",
	"_llseek",
	"lremovexattr",
	"lseek",
	"lsetxattr",
	"lstat",
	"lstat64",
	"mkdir",
	"mkdirat",
	"mknod",
	"mknodat",
	"name_to_handle_at",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pipe",
	"pipe2",
	"pread64",
	"preadv",
	"preadv2",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readahead",
	"readlink",
	"readlinkat",
	"readv",
	"removexattr",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"sendfile",
	"sendfile64",
	"setxattr",
	"splice",
	"stat",
	"stat64",
	"statfs",
	"statfs64",
	"statx",
	"symlink",
	"symlinkat",
	"sync",
	"sync_file_range",
	"syncfs",
	"tee",
	"truncate",
	"truncate64",
	"umask",
	"unlink",
	"unlinkat",
	"utime",
	"utimensat",
	"utimensat_time64",
	"utimes",
	"vmsplice",
	"write",
	"writev",
	/* waiting */
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_ctl_old",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"epoll_wait_old",
	"eventfd",
	"eventfd2",
	"_newselect",
	"pause",
	"poll",
	"ppoll",
	"ppoll_time64",
	"pselect6",
	"pselect6_time64",
	"select",
	"signalfd",
	"signalfd4",
	"io_cancel",
	"io_destroy",
	"io_getevents",
	"io_pgetevents",
	"io_pgetevents_time64",
	"io_setup",
	"io_submit",
	/* processes, threads and signals */
	"alarm",
	"execve",
	"execveat",
	"exit",
	"exit_group",
	"fork",
	"futex",
	"futex_requeue",
	"futex_time64",
	"futex_wait",
	"futex_waitv",
	"futex_wake",
	"get_robust_list",
	"get_thread_area",
	"getcpu",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrlimit",
	"getrusage",
	"getsid",
	"gettid",
	"kill",
	"membarrier",
	"pidfd_open",
	"pidfd_send_signal",
	"prctl",
	"prlimit64",
	"process_mrelease",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigqueueinfo",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_sigtimedwait_time64",
	"rt_tgsigqueueinfo",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_getaffinity",
	"sched_getattr",
	"sched_getparam",
	"sched_getscheduler",
	"sched_rr_get_interval",
	"sched_rr_get_interval_time64",
	"sched_setaffinity",
	"sched_setattr",
	"sched_setparam",
	"sched_setscheduler",
	"sched_yield",
	"set_robust_list",
	"set_thread_area",
	"set_tid_address",
	"setpgid",
	"setpriority",
	"setrlimit",
	"setsid",
	"sigaltstack",
	"sigprocmask",
	"sigreturn",
	"tgkill",
	"tkill",
	"ugetrlimit",
	"vfork",
	"wait4",
	"waitid",
	"waitpid",
	/* identity */
	"capget",
	"capset",
	"getegid",
	"getegid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getgroups",
	"getgroups32",
	"getresgid",
	"getresgid32",
	"getresuid",
	"getresuid32",
	"getuid",
	"getuid32",
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	"seccomp",
	"setfsgid",
	"setfsgid32",
	"setfsuid",
	"setfsuid32",
	"setgid",
	"setgid32",
	"setgroups",
	"setgroups32",
	"setregid",
	"setregid32",
	"setresgid",
	"setresgid32",
	"setresuid",
	"setresuid32",
	"setreuid",
	"setreuid32",
	"setuid",
	"setuid32",
	/* memory */
	"brk",
	"cachestat",
	"madvise",
	"map_shadow_stack",
	"memfd_create",
	"memfd_secret",
	"mincore",
	"mlock",
	"mlock2",
	"mlockall",
	"mmap",
	"mmap2",
	"mprotect",
	"mremap",
	"msync",
	"munlock",
	"munlockall",
	"munmap",
	"pkey_alloc",
	"pkey_free",
	"pkey_mprotect",
	"remap_file_pages",
	/* sockets and System V or POSIX IPC */
	"accept",
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"ipc",
	"listen",
	"mq_getsetattr",
	"mq_notify",
	"mq_open",
	"mq_timedreceive",
	"mq_timedreceive_time64",
	"mq_timedsend",
	"mq_timedsend_time64",
	"mq_unlink",
	"msgctl",
	"msgget",
	"msgrcv",
	"msgsnd",
	"recv",
	"recvfrom",
	"recvmmsg",
	"recvmmsg_time64",
	"recvmsg",
	"semctl",
	"semget",
	"semop",
	"semtimedop",
	"semtimedop_time64",
	"send",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shmat",
	"shmctl",
	"shmdt",
	"shmget",
	"shutdown",
	"socketcall",
	"socketpair",
	/* time and system */
	"adjtimex",
	"clock_adjtime",
	"clock_adjtime64",
	"clock_getres",
	"clock_getres_time64",
	"clock_gettime",
	"clock_gettime64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"getitimer",
	"getrandom",
	"gettimeofday",
	"ioprio_get",
	"ioprio_set",
	"nanosleep",
	"setitimer",
	"sysinfo",
	"time",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_gettime64",
	"timer_settime",
	"timer_settime64",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_gettime64",
	"timerfd_settime",
	"timerfd_settime64",
	"times",
	"uname",
	/* of one architecture only: unknown elsewhere, so not emitted there */
	"arch_prctl",
	"modify_ldt",
	"arm_fadvise64_64",
	"arm_sync_file_range",
	"sync_file_range2",
	"breakpoint",
	"cacheflush",
	"set_tls",
	"riscv_flush_icache",
	"swapcontext",
	"s390_pci_mmio_read",
	"s390_pci_mmio_write",
	"s390_runtime_instr",
};

/* Allowed to processes that hold the capability anyway. */
static const char *const dac_read_search[] = { "open_by_handle_at" };
static const char *const sys_admin[] = {
	"bpf",           "clone",         "clone3",      "fanotify_init",   "fsconfig",
	"fsmount",       "fsopen",        "fspick",      "lookup_dcookie",  "mount",
	"mount_setattr", "move_mount",    "open_tree",   "perf_event_open", "quotactl",
	"quotactl_fd",   "setdomainname", "sethostname", "setns",           "syslog",
	"umount",        "umount2",       "unshare",
};
static const char *const sys_boot[] = { "reboot" };
static const char *const sys_chroot[] = { "chroot" };
static const char *const sys_module[] = { "delete_module", "init_module", "finit_module" };
static const char *const sys_pacct[] = { "acct" };
static const char *const sys_ptrace[] = {
	"kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace"
};
static const char *const sys_rawio[] = { "iopl", "ioperm" };
static const char *const sys_time[] = { "settimeofday", "stime", "clock_settime",
					"clock_settime64" };
static const char *const sys_tty_config[] = { "vhangup" };
static const char *const sys_nice[] = { "get_mempolicy", "mbind", "set_mempolicy",
					"set_mempolicy_home_node" };
static const char *const syslog_[] = { "syslog" };
static const char *const bpf[] = { "bpf" };
static const char *const perfmon[] = { "perf_event_open" };
/* Before Linux 4.8 a tracer could step around the filter. */
static const char *const kernel_4_8[] = { "process_vm_readv", "process_vm_writev", "ptrace" };

static const struct cap_group {
	unsigned cap;
	const char *const *names;
	size_t n;
} by_cap[] = {
	{ CAP_DAC_READ_SEARCH, dac_read_search, ARRAY_SIZE(dac_read_search) },
	{ CAP_SYS_ADMIN, sys_admin, ARRAY_SIZE(sys_admin) },
	{ CAP_SYS_BOOT, sys_boot, ARRAY_SIZE(sys_boot) },
	{ CAP_SYS_CHROOT, sys_chroot, ARRAY_SIZE(sys_chroot) },
	{ CAP_SYS_MODULE, sys_module, ARRAY_SIZE(sys_module) },
	{ CAP_SYS_PACCT, sys_pacct, ARRAY_SIZE(sys_pacct) },
	{ CAP_SYS_PTRACE, sys_ptrace, ARRAY_SIZE(sys_ptrace) },
	{ CAP_SYS_RAWIO, sys_rawio, ARRAY_SIZE(sys_rawio) },
	{ CAP_SYS_TIME, sys_time, ARRAY_SIZE(sys_time) },
	{ CAP_SYS_TTY_CONFIG, sys_tty_config, ARRAY_SIZE(sys_tty_config) },
	{ CAP_SYS_NICE, sys_nice, ARRAY_SIZE(sys_nice) },
	{ CAP_SYSLOG, syslog_, ARRAY_SIZE(syslog_) },
	{ CAP_BPF, bpf, ARRAY_SIZE(bpf) },
	{ CAP_PERFMON, perfmon, ARRAY_SIZE(perfmon) },
};

/* personality() values that change nothing a container could abuse; the last one asks. */
static const uint32_t personalities[] = { 0x0, 0x0008, 0x20000, 0x20008, 0xffffffff };

/* A number of another architecture is a negative pseudo number: unknown here. */
static int known(const char *name)
{
	return seccomp_syscall_resolve_name(name) >= 0;
}

static json_t *known_names(const char *const *names, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < n; i++) {
		if (known(names[i]) && json_array_append_new(a, json_string(names[i])) < 0) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

/* Append one rule; args is taken over and may be NULL. errno_ret 0: allow. */
static int add_rule(json_t *rules, const char *const *names, size_t n, json_t *args, int errno_ret)
{
	AUTO_JSON list = known_names(names, n);
	AUTO_JSON owned = args;
	json_t *rule;
	int bad;

	if (!list)
		return -1;
	if (json_array_size(list) == 0)
		return 0;
	rule = json_object();
	bad = json_put(rule, "names", json_incref(list));
	bad |= json_put_str(rule, "action", errno_ret ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW");
	if (errno_ret)
		bad |= json_put_int(rule, "errnoRet", errno_ret);
	if (owned)
		bad |= json_put(rule, "args", json_incref(owned));
	return json_array_append_new(rules, rule) | bad;
}

static json_t *arg(unsigned index, uint64_t value, uint64_t value_two, const char *op)
{
	json_t *o = json_object();
	json_t *a = json_array();
	int bad = json_put_int(o, "index", index);

	bad |= json_put_int(o, "value", (int64_t)value);
	if (value_two || str_eq(op, "SCMP_CMP_MASKED_EQ"))
		bad |= json_put_int(o, "valueTwo", (int64_t)value_two);
	bad |= json_put_str(o, "op", op);
	bad |= json_array_append_new(a, o);
	if (!bad)
		return a;
	json_decref(a);
	return NULL;
}

static int add_arg_rule(json_t *rules, const char *name, json_t *args)
{
	return args ? add_rule(rules, &name, 1, args, 0) : -1;
}

static int add_argument_rules(json_t *rules, uint64_t caps)
{
	static const char *const clone3[] = { "clone3" };
	unsigned flags_index = 0;
	int bad = 0;

#if defined(__s390__) || defined(__s390x__)
	flags_index = 1;
#endif
	bad |= add_arg_rule(rules, "socket", arg(0, AF_VSOCK, 0, "SCMP_CMP_NE"));
	for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
		bad |= add_arg_rule(rules, "personality",
				    arg(0, personalities[i], 0, "SCMP_CMP_EQ"));
	if (caps & CAP_BIT(CAP_SYS_ADMIN))
		return bad;
	bad |= add_arg_rule(rules, "clone",
			    arg(flags_index, NAMESPACE_FLAGS, 0, "SCMP_CMP_MASKED_EQ"));
	bad |= add_rule(rules, clone3, 1, NULL, ENOSYS);
	return bad;
}

/* The native architecture and those whose programs also run on it. */
static json_t *architectures(void)
{
#if defined(__x86_64__)
	static const char *const list[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
#elif defined(__aarch64__)
	static const char *const list[] = { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM" };
#elif defined(__s390x__)
	static const char *const list[] = { "SCMP_ARCH_S390X", "SCMP_ARCH_S390" };
#elif defined(__riscv) && __riscv_xlen == 64
	static const char *const list[] = { "SCMP_ARCH_RISCV64" };
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	static const char *const list[] = { "SCMP_ARCH_PPC64LE" };
#elif defined(__arm__)
	static const char *const list[] = { "SCMP_ARCH_ARM" };
#else
#error "name this architecture's SCMP_ARCH_ value here"
#endif
	return json_words(list, ARRAY_SIZE(list));
}

json_t *oci_seccomp_default(const struct oci_host *host, uint64_t caps)
{
	json_t *profile = json_object();
	json_t *rules = json_array();
	int bad = json_put_str(profile, "defaultAction", "SCMP_ACT_ERRNO");

	bad |= json_put_int(profile, "defaultErrnoRet", EPERM);
	bad |= json_put(profile, "architectures", architectures());
	bad |= add_rule(rules, always, ARRAY_SIZE(always), NULL, 0);
	if (host->kernel_major > 4 || (host->kernel_major == 4 && host->kernel_minor >= 8))
		bad |= add_rule(rules, kernel_4_8, ARRAY_SIZE(kernel_4_8), NULL, 0);
	bad |= add_argument_rules(rules, caps);
	for (size_t i = 0; i < ARRAY_SIZE(by_cap); i++) {
		if (caps & CAP_BIT(by_cap[i].cap))
			bad |= add_rule(rules, by_cap[i].names, by_cap[i].n, NULL, 0);
	}
	bad |= json_put(profile, "syscalls", rules);
	if (!bad)
		return profile;
	json_decref(profile);
	return NULL;
}
