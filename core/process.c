/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals, limits, the service manager. Main thread.
 */
#include "core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"

int process_signals(void)
{
	static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		sigaddset(&set, ours[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int write_oom_score(int score)
{
	AUTO_CLOSE int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", score);

	if (fd < 0)
		return -errno;
	return io_write_full(fd, text, (size_t)n);
}

void process_oom_score(int score)
{
	int r;

	if (score == 0)
		return;
	r = write_oom_score(score);
	/* Without CAP_SYS_RESOURCE it only goes up; 0 is where a service starts. */
	if ((r == -EACCES || r == -EPERM) && score < 0)
		log_debug("oom_score %d is not permitted: it stays as it is", score);
	else if (r < 0)
		log_warn("oom_score %d: %s", score, strerrordesc_np(-r));
}

void process_notify(const char *socket_path, const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;
	size_t n;

	if (!socket_path || !*socket_path)
		return;
	n = strlen(socket_path);
	if (n >= sizeof(to.sun_path)) {
		log_warn("NOTIFY_SOCKET is longer than a socket's name can be");
		return;
	}
	memcpy(to.sun_path, socket_path, n);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0'; /* the abstract namespace */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warn("notify '%s': %s", socket_path, strerrordesc_np(errno));
}
