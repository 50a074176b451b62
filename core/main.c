/* SPDX-License-Identifier: Apache-2.0
 *
 * ctrd: reads its command line, then is the daemon (daemon.c) or says something about its
 * configuration. The only place that reads the environment and changes what belongs to the process:
 * folder and umask.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/daemon.h"
#include "core/registry/registry.h"

static const char usage[] =
	"usage: ctrd [options]                      run the daemon\n"
	"       ctrd config default                 print the defaults\n"
	"       ctrd [options] config show [--origin]\n"
	"                                           print what is in force, and from where\n"
	"       ctrd [options] config check         read everything, start nothing\n"
	"       ctrd config reference               print docs/configuration.md\n"
	"\n"
	"  -c, --config FILE    this file alone, not " CONFIG_DEFAULT_PATH " and its drop-ins\n"
	"      --root DIR       what survives a reboot\n"
	"      --state DIR      what ends with a reboot\n"
	"  -a, --address SOCK   the API's unix socket\n"
	"  -l, --log-level L    error, warn, info, debug or trace\n"
	"  -v, --version        print the version\n"
	"  -h, --help           print this\n";

static int fail(const char *what, const char *arg)
{
	fprintf(stderr, "ctrd: %s '%s'\n", what, arg);
	return 2;
}

static int show(const struct config_args *args, int origin)
{
	struct config *c = NULL;
	AUTO_ERROR err = ERROR_INIT;
	int r;

	if (config_load(args, &c, &err) != CTR_OK) {
		fprintf(stderr, "%s\n", error_text(&err));
		return 1;
	}
	r = config_print(c, origin, stdout);
	config_free(c);
	return r < 0;
}

/* Plugins are opened and asked about their tables; no folder is made, nothing is initialised. */
static int check(const struct config_args *args)
{
	struct daemon d = { .root_fd = -1, .state_fd = -1 };
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	log_init("ctrd", LOG_ERROR_, 0);
	code = config_load(args, &d.config, &err);
	if (code == CTR_OK) {
		d.root = config_str(d.config, "root");
		d.state = config_str(d.config, "state");
		code = registry_load(&d, &d.registry, &err);
	}
	if (code == CTR_OK)
		code = registry_check(d.registry, &err);
	if (code != CTR_OK)
		fprintf(stderr, "%s\n", error_text(&err));
	registry_free(d.registry);
	config_free(d.config);
	return code != CTR_OK;
}

static int config_command(const struct config_args *args, char *const *words)
{
	const char *verb = words[0] ? words[0] : "";
	const char *option = words[0] ? words[1] : NULL;

	if (option && !(str_eq(verb, "show") && str_eq(option, "--origin") && !words[2]))
		return fail("unexpected argument", option);
	if (str_eq(verb, "default"))
		return config_print_default(stdout) < 0;
	if (str_eq(verb, "reference"))
		return config_print_reference(stdout) < 0;
	if (str_eq(verb, "show"))
		return show(args, option != NULL);
	if (str_eq(verb, "check"))
		return check(args);
	return fail("config: default, show or check, not", verb);
}

static int run(const struct config_args *args)
{
	struct daemon_args daemon = {
		.config = args,
		.notify_socket = getenv("NOTIFY_SOCKET"),
	};

	umask(022);
	if (chdir("/") < 0)
		return fail("cannot enter", "/");
	return daemon_run(&daemon);
}

enum { OPT_ROOT = 256, OPT_STATE };

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "address", required_argument, NULL, 'a' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* -1: go on; otherwise the exit code. */
static int read_option(int opt, struct config_args *args)
{
	switch (opt) {
	case 'c':
		args->path = optarg;
		return -1;
	case OPT_ROOT:
		args->root = optarg;
		return -1;
	case OPT_STATE:
		args->state = optarg;
		return -1;
	case 'a':
		args->address = optarg;
		return -1;
	case 'l':
		args->log_level = optarg;
		return -1;
	case 'v':
		puts("ctrd " CTR_VERSION);
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 0;
	default:
		fputs(usage, stderr);
		return 2;
	}
}

/*
 * Large messages come and go: what they took is mapped and returned, instead of raising glibc's own
 * thresholds for ever; two arenas are enough for pools that end when idle.
 */
static void keep_small(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 256 * 1024);
	(void)mallopt(M_ARENA_MAX, 2);
}

int main(int argc, char **argv)
{
	struct config_args args = { .path = NULL };
	char *config = NULL;
	int opt, r;

	keep_small();
	while ((opt = getopt_long(argc, argv, "+c:a:l:vh", options, NULL)) != -1) {
		r = read_option(opt, &args);
		if (r >= 0)
			return r;
	}
	/* The daemon leaves the folder it was started in. */
	if (args.path && args.path[0] != '/') {
		config = realpath(args.path, NULL);
		args.path = config ? config : args.path;
	}
	if (!argv[optind])
		r = run(&args);
	else if (str_eq(argv[optind], "config"))
		r = config_command(&args, argv + optind + 1);
	else
		r = fail("unknown command", argv[optind]);
	free(config);
	return r;
}
