/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of all verbs: the one place where they and their flags are named.
 */
#include "cli/create.h"
#include "cli/verbs.h"

#define PLATFORM_FLAG                                                                                               \
	{ "platform", 0, FLAG_TEXT, "OS/ARCH", "instead of this machine's", "linux/amd64 linux/arm64" }
#define SNAPSHOTTER_FLAG                                                                                            \
	{ "snapshotter", 0, FLAG_TEXT, "NAME", "instead of the daemon's default", "overlayfs native" }
#define SIGNAL_FLAG(help_) { "signal", 's', FLAG_TEXT, "SIGNAL", help_, "TERM KILL INT HUP USR1 USR2" }
#define FORMAT_FLAG        { "format", 'f', FLAG_TEXT, "TEMPLATE", "such as '{{.State.Status}}'", NULL }
#define JSON_FLAG          { "json", 0, FLAG_BOOL, NULL, "as JSON", NULL }
#define ONE_ARG            .min_args = 1, .max_args = 1
#define SOME_ARGS          .min_args = 1, .max_args = ANY_ARGS
#define FILTER_ARGS        .args = "[FILTER...]", .max_args = ANY_ARGS

static const struct flag list_flags[] = { FLAGS_LIST };
static const struct flag snapshotter_flags[] = { SNAPSHOTTER_FLAG };
static const struct flag snapshot_list_flags[] = { FLAGS_LIST, SNAPSHOTTER_FLAG };
static const struct flag sync_flags[] = { { "sync", 0, FLAG_BOOL, NULL, "collect garbage before returning", NULL } };
static const struct flag output_flags[] = { { "output", 'o', FLAG_TEXT, "FILE", "instead of standard output", NULL } };

static const struct flag pull_flags[] = {
	PLATFORM_FLAG,
	SNAPSHOTTER_FLAG,
	{ "all-platforms", 0, FLAG_BOOL, NULL, "fetch every platform's layers", NULL },
	{ "hosts-dir", 0, FLAG_TEXT, "DIR", "hosts.toml files, instead of the daemon's", NULL },
	{ "plain-http", 0, FLAG_BOOL, NULL, "speak HTTP to the registry", NULL },
	{ "quiet", 'q', FLAG_BOOL, NULL, "no progress", NULL },
};
static const struct flag ps_flags[] = {
	FLAGS_LIST,
	{ "all", 'a', FLAG_BOOL, NULL, "also those that do not run", NULL },
	{ "filter", 0, FLAG_LIST, "FILTER", "containerd's filter, such as labels.x==y", NULL },
	{ "latest", 'l', FLAG_BOOL, NULL, "only the newest", NULL },
};
static const struct flag create_flags[] = { CREATE_FLAGS };
static const struct flag run_flags[] = {
	CREATE_FLAGS,
	{ "detach", 'd', FLAG_BOOL, NULL, "in the background, with a log", NULL },
};
static const struct flag start_flags[] = {
	{ "attach", 'a', FLAG_BOOL, NULL, "stay with its output", NULL },
	{ "interactive", 'i', FLAG_BOOL, NULL, "give it our input too", NULL },
};
static const struct flag exec_flags[] = {
	{ "detach", 'd', FLAG_BOOL, NULL, "in the background, without output", NULL },
	{ "env", 'e', FLAG_LIST, "NAME[=VALUE]", "variable; without a value: ours", NULL },
	{ "env-file", 0, FLAG_LIST, "FILE", "variables, one a line", NULL },
	{ "interactive", 'i', FLAG_BOOL, NULL, "keep standard input open", NULL },
	{ "privileged", 0, FLAG_BOOL, NULL, "all capabilities", NULL },
	{ "tty", 't', FLAG_BOOL, NULL, "a terminal", NULL },
	{ "user", 'u', FLAG_TEXT, "USER[:GROUP]", "user, by name or number", NULL },
	{ "workdir", 'w', FLAG_TEXT, "PATH", "working directory", NULL },
};
static const struct flag stop_flags[] = {
	SIGNAL_FLAG("instead of the container's stop signal"),
	{ "time", 't', FLAG_TEXT, "SECONDS", "until SIGKILL; 10 is the default, -1: never", NULL },
};
static const struct flag kill_flags[] = { SIGNAL_FLAG("instead of KILL") };
static const struct flag rm_flags[] = { { "force", 'f', FLAG_BOOL, NULL, "kill it first if it runs", NULL } };
static const struct flag attach_flags[] = { { "no-stdin", 0, FLAG_BOOL, NULL, "watch only", NULL } };
static const struct flag logs_flags[] = {
	{ "follow", 'f', FLAG_BOOL, NULL, "go on until the container ends", NULL },
	{ "since", 0, FLAG_TEXT, "TIME", "RFC 3339, or a duration such as 10m", NULL },
	{ "tail", 'n', FLAG_TEXT, "LINES", "only the last ones", NULL },
	{ "timestamps", 't', FLAG_BOOL, NULL, "with the time of each line", NULL },
	{ "until", 0, FLAG_TEXT, "TIME", "RFC 3339, or a duration such as 10m", NULL },
};
static const struct flag inspect_flags[] = {
	FORMAT_FLAG,
	{ "type", 0, FLAG_TEXT, "TYPE", "container or image", "container image" },
};
static const struct flag stats_flags[] = {
	FLAGS_LIST,
	{ "no-stream", 0, FLAG_BOOL, NULL, "once", NULL },
};
static const struct flag events_flags[] = {
	{ "all-namespaces", 'a', FLAG_BOOL, NULL, "of every namespace", NULL },
	{ "filter", 0, FLAG_LIST, "FILTER", "containerd's filter, such as topic~=/tasks/", NULL },
	FORMAT_FLAG,
	JSON_FLAG,
};
static const struct flag format_flags[] = { FORMAT_FLAG, JSON_FLAG };
static const struct flag save_flags[] = {
	{ "all-platforms", 0, FLAG_BOOL, NULL, "everything that is here", NULL },
	{ "output", 'o', FLAG_TEXT, "FILE", "instead of standard output", NULL },
	PLATFORM_FLAG,
};
static const struct flag load_flags[] = {
	{ "input", 'i', FLAG_TEXT, "FILE", "instead of standard input", NULL },
	PLATFORM_FLAG,
	{ "quiet", 'q', FLAG_BOOL, NULL, "no progress", NULL },
	SNAPSHOTTER_FLAG,
};
static const struct flag login_flags[] = {
	{ "password-stdin", 0, FLAG_BOOL, NULL, "the password comes from standard input", NULL },
	{ "username", 'u', FLAG_TEXT, "USER", "user", NULL },
};
static const struct flag lease_create_flags[] = {
	{ "expires", 'x', FLAG_TEXT, "DURATION", "such as 24h", NULL },
	{ "id", 0, FLAG_TEXT, "ID", "made up by the daemon otherwise", NULL },
	{ "label", 'l', FLAG_LIST, "KEY=VALUE", "label", NULL },
};
static const struct flag task_kill_flags[] = {
	{ "all", 'a', FLAG_BOOL, NULL, "all processes", NULL },
	{ "exec-id", 0, FLAG_TEXT, "ID", "the process of an exec", NULL },
	SIGNAL_FLAG("instead of TERM"),
};

static const struct verb content_verbs[] = {
	{ .name = "ls", FILTER_ARGS, .help = "list blobs", FLAGS(list_flags), .run = verb_content_ls },
	{ .name = "ingests", .help = "list interrupted and running downloads", FLAGS(list_flags),
	  .run = verb_content_ingests },
	{ .name = "get", .args = "DIGEST", .help = "write a blob to standard output", ONE_ARG, FLAGS(output_flags),
	  .run = verb_content_get },
	{ .name = "info", .args = "DIGEST", .help = "show what is known of a blob", ONE_ARG, .run = verb_content_info },
	{ .name = "rm", .args = "DIGEST...", .help = "remove blobs", SOME_ARGS, .run = verb_content_rm },
};
static const struct verb snapshot_verbs[] = {
	{ .name = "ls", .help = "list snapshots", FLAGS(snapshot_list_flags), .run = verb_snapshot_ls },
	{ .name = "info", .args = "KEY", .help = "show a snapshot", ONE_ARG, FLAGS(snapshotter_flags),
	  .run = verb_snapshot_info },
	{ .name = "mounts", .args = "KEY [TARGET]", .help = "print the mount commands of a snapshot", .min_args = 1,
	  .max_args = 2, FLAGS(snapshotter_flags), .run = verb_snapshot_mounts },
	{ .name = "rm", .args = "KEY...", .help = "remove snapshots", SOME_ARGS, FLAGS(snapshotter_flags),
	  .run = verb_snapshot_rm },
	{ .name = "usage", .args = "[KEY...]", .help = "show what snapshots take", .max_args = ANY_ARGS,
	  FLAGS(snapshot_list_flags), .run = verb_snapshot_usage },
};
static const struct verb lease_verbs[] = {
	{ .name = "ls", .help = "list leases", FLAGS(list_flags), .run = verb_lease_ls },
	{ .name = "create", .help = "make a lease", FLAGS(lease_create_flags), .run = verb_lease_create },
	{ .name = "rm", .args = "ID...", .help = "end leases", SOME_ARGS, FLAGS(sync_flags), .run = verb_lease_rm },
};
static const struct verb namespace_verbs[] = {
	{ .name = "ls", .help = "list namespaces", FLAGS(list_flags), .run = verb_namespace_ls },
	{ .name = "create", .args = "NAME [KEY=VALUE...]", .help = "make a namespace", SOME_ARGS,
	  .run = verb_namespace_create },
	{ .name = "label", .args = "NAME KEY=VALUE...", .help = "set labels; an empty value removes one", .min_args = 2,
	  .max_args = ANY_ARGS, .run = verb_namespace_label },
	{ .name = "rm", .args = "NAME...", .help = "remove empty namespaces", SOME_ARGS, .run = verb_namespace_rm },
};
static const struct verb plugin_verbs[] = {
	{ .name = "ls", FILTER_ARGS, .help = "list the daemon's plugins and their state", FLAGS(list_flags),
	  .run = verb_plugin_ls },
	{ .name = "info", .args = "TYPE ID", .help = "show a plugin", .min_args = 2, .max_args = 2,
	  .run = verb_plugin_info },
};
static const struct verb image_verbs[] = {
	{ .name = "ls", FILTER_ARGS, .help = "list stored images", FLAGS(list_flags), .run = verb_image_ls },
	{ .name = "info", .args = "NAME", .help = "show a stored image", .complete = "image", ONE_ARG,
	  .run = verb_image_info },
	{ .name = "rm", .args = "NAME...", .help = "remove images", .complete = "image", SOME_ARGS, FLAGS(sync_flags),
	  .run = verb_image_rm },
};
static const struct verb container_verbs[] = {
	{ .name = "ls", FILTER_ARGS, .help = "list stored containers", FLAGS(list_flags), .run = verb_container_ls },
	{ .name = "info", .args = "CONTAINER", .help = "show a stored container", .complete = "container", ONE_ARG,
	  .run = verb_container_info },
	{ .name = "rm", .args = "CONTAINER...", .help = "remove containers without a task", .complete = "container",
	  SOME_ARGS, .run = verb_container_rm },
};
static const struct verb task_verbs[] = {
	{ .name = "ls", .help = "list tasks", FLAGS(list_flags), .run = verb_task_ls },
	{ .name = "info", .args = "CONTAINER", .help = "show a task", .complete = "container", ONE_ARG,
	  .run = verb_task_info },
	{ .name = "kill", .args = "CONTAINER", .help = "send a signal", .complete = "container", ONE_ARG,
	  FLAGS(task_kill_flags), .run = verb_task_kill },
	{ .name = "rm", .args = "CONTAINER...", .help = "delete tasks that have ended", .complete = "container", SOME_ARGS,
	  FLAGS(rm_flags), .run = verb_task_rm },
};

static const struct verb verbs[] = {
	{ .name = "attach", .args = "CONTAINER", .help = "join a container's terminal or output", .complete = "container",
	  ONE_ARG, FLAGS(attach_flags), .run = verb_attach },
	{ .name = "completion", .args = "bash|zsh|fish", .help = "print a completion script", ONE_ARG,
	  .run = verb_completion },
	{ .name = "create", .args = "IMAGE [COMMAND [ARG...]]", .help = "make a container without starting it",
	  .complete = "image", SOME_ARGS, .options = VERB_STOP, FLAGS(create_flags), .run = verb_create },
	{ .name = "events", .help = "show what happens, until interrupted", FLAGS(events_flags), .run = verb_events },
	{ .name = "exec", .args = "CONTAINER COMMAND [ARG...]", .help = "run a command in a running container",
	  .complete = "container", .min_args = 2, .max_args = ANY_ARGS, .options = VERB_STOP, FLAGS(exec_flags),
	  .run = verb_exec },
	{ .name = "images", .args = "[NAME]", .help = "list images", .complete = "image", .max_args = 1, FLAGS(list_flags),
	  .run = verb_images },
	{ .name = "info", .help = "show the daemon and this machine", FLAGS(format_flags), .run = verb_info },
	{ .name = "inspect", .args = "NAME...", .help = "show all about containers and images", .complete = "container",
	  SOME_ARGS, FLAGS(inspect_flags), .run = verb_inspect },
	{ .name = "kill", .args = "CONTAINER...", .help = "send a signal", .complete = "container", SOME_ARGS,
	  FLAGS(kill_flags), .run = verb_kill },
	{ .name = "load", .help = "read images from an archive", FLAGS(load_flags), .run = verb_load },
	{ .name = "login", .args = "[REGISTRY]", .help = "store credentials of a registry", .max_args = 1,
	  FLAGS(login_flags), .run = verb_login },
	{ .name = "logout", .args = "[REGISTRY]", .help = "forget credentials of a registry", .max_args = 1,
	  .run = verb_logout },
	{ .name = "logs", .args = "CONTAINER", .help = "show a container's log", .complete = "container", ONE_ARG,
	  FLAGS(logs_flags), .run = verb_logs },
	{ .name = "pause", .args = "CONTAINER...", .help = "freeze containers", .complete = "container", SOME_ARGS,
	  .run = verb_pause },
	{ .name = "ps", .help = "list containers", FLAGS(ps_flags), .run = verb_ps },
	{ .name = "pull", .args = "IMAGE", .help = "get an image from a registry", ONE_ARG, FLAGS(pull_flags),
	  .run = verb_pull },
	{ .name = "rm", .args = "CONTAINER...", .help = "remove containers", .complete = "container", SOME_ARGS,
	  FLAGS(rm_flags), .run = verb_rm },
	{ .name = "rmi", .args = "IMAGE...", .help = "remove images", .complete = "image", SOME_ARGS, FLAGS(sync_flags),
	  .run = verb_rmi },
	{ .name = "run", .args = "IMAGE [COMMAND [ARG...]]", .help = "make and start a container", .complete = "image",
	  SOME_ARGS, .options = VERB_STOP, FLAGS(run_flags), .run = verb_run },
	{ .name = "save", .args = "IMAGE...", .help = "write images to an archive", .complete = "image", SOME_ARGS,
	  FLAGS(save_flags), .run = verb_save },
	{ .name = "start", .args = "CONTAINER...", .help = "start containers that do not run", .complete = "container",
	  SOME_ARGS, FLAGS(start_flags), .run = verb_start },
	{ .name = "stats", .args = "[CONTAINER...]", .help = "show what containers use", .complete = "container",
	  .max_args = ANY_ARGS, FLAGS(stats_flags), .run = verb_stats },
	{ .name = "stop", .args = "CONTAINER...", .help = "end containers: a signal, then SIGKILL", .complete = "container",
	  SOME_ARGS, FLAGS(stop_flags), .run = verb_stop },
	{ .name = "tag", .args = "IMAGE NAME", .help = "give an image another name", .complete = "image", .min_args = 2,
	  .max_args = 2, .run = verb_tag },
	{ .name = "top", .args = "CONTAINER", .help = "show a container's processes", .complete = "container", ONE_ARG,
	  FLAGS(list_flags), .run = verb_top },
	{ .name = "unpause", .args = "CONTAINER...", .help = "let frozen containers go on", .complete = "container",
	  SOME_ARGS, .run = verb_unpause },
	{ .name = "version", .help = "show the versions of ctrctl and the daemon", FLAGS(format_flags),
	  .run = verb_version },
	{ .name = "wait", .args = "CONTAINER...", .help = "wait for the end and print the exit code",
	  .complete = "container", SOME_ARGS, .run = verb_wait },
	{ .name = "container", .help = "stored containers", VERBS(container_verbs) },
	{ .name = "content", .help = "blobs and downloads", VERBS(content_verbs) },
	{ .name = "image", .help = "stored images", VERBS(image_verbs) },
	{ .name = "lease", .help = "leases", VERBS(lease_verbs) },
	{ .name = "namespace", .help = "namespaces", VERBS(namespace_verbs) },
	{ .name = "plugin", .help = "the daemon's plugins", VERBS(plugin_verbs) },
	{ .name = "snapshot", .help = "snapshots", VERBS(snapshot_verbs) },
	{ .name = "task", .help = "running containers, as the daemon sees them", VERBS(task_verbs) },
};

static const struct flag global_flags[] = {
	{ "address", 'H', FLAG_TEXT, "SOCKET", "the daemon's socket (CTR_ADDRESS, CONTAINERD_ADDRESS)", NULL },
	{ "namespace", 'n', FLAG_TEXT, "NAME", "namespace (CTR_NAMESPACE, CONTAINERD_NAMESPACE)", NULL },
	{ "version", 0, FLAG_BOOL, NULL, "show ctrctl's version", NULL },
};

const struct verb cli_root = {
	.name = "ctrctl",
	.help = "ctrctl runs containers with ctrd.",
	FLAGS(global_flags),
	VERBS(verbs),
};
