/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon does to its own process, once, before any thread: signals, limits, and words to
 * the service manager.
 */
#ifndef CTR_CORE_PROCESS_H
#define CTR_CORE_PROCESS_H

/* Block what the loop reads from the descriptor; SIGPIPE is ignored. A signalfd, or -errno. */
int process_signals(void);
/* The score is clamped to what the kernel permits; 0 changes nothing. */
void process_oom_score(int score);
/*
 * One datagram ("READY=1") to the service manager's socket; NULL or "": nobody asked. Failure is
 * logged.
 */
void process_notify(const char *socket_path, const char *state);

#endif
