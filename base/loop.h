/* SPDX-License-Identifier: Apache-2.0
 *
 * One epoll loop: descriptors, one-shot timers (one timerfd), children by pidfd, and work posted
 * from other threads (one eventfd). All callbacks run on the thread in loop_run(). Nothing wakes an
 * idle loop. Unless a comment says "any thread", call from the loop's thread or before loop_run().
 */
#ifndef CTR_BASE_LOOP_H
#define CTR_BASE_LOOP_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_child;

typedef void (*loop_fn)(void *ud);
typedef void (*loop_fd_fn)(void *ud, uint32_t epoll_events);
typedef void (*loop_child_fn)(void *ud, const siginfo_t *info);

int loop_new(struct loop **ret);
void loop_free(struct loop *l); /* NULL allowed; posted work that did not run is dropped */
int loop_run(struct loop *l);   /* until loop_stop(), also one before it; 0 or -errno */
void loop_stop(struct loop *l); /* any thread */
/* Any thread: 1 when called on the loop's thread while it runs. */
int loop_here(const struct loop *l);

/* events as epoll(7), level-triggered. The descriptor stays the caller's. */
int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *ud,
		struct loop_fd **ret);
int loop_mod_fd(struct loop_fd *w, uint32_t events);
/* Safe inside any callback, NULL allowed; fn is never called again. Before the fd is closed. */
void loop_del_fd(struct loop_fd *w);

/* Run fn once at at_ns (CLOCK_MONOTONIC); the timer is gone before fn is called. */
int loop_add_timer(struct loop *l, int64_t at_ns, loop_fn fn, void *ud, struct loop_timer **ret);
void loop_del_timer(struct loop_timer *t); /* NULL allowed */

/*
 * Call fn once when the child ends, after reaping it (waitid P_PIDFD). Takes pidfd over on success.
 * A pidfd of a process that is no child of ours works too: info->si_pid is 0 then, as the
 * status is not known.
 */
int loop_add_child(struct loop *l, int pidfd, loop_child_fn fn, void *ud, struct loop_child **ret);
void loop_del_child(struct loop_child *c);

/* Any thread: run fn(ud) on the loop's thread, in the order of the posts. 0 or -ENOMEM. */
int loop_post(struct loop *l, loop_fn fn, void *ud);

#endif
