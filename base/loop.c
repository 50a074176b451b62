/* SPDX-License-Identifier: Apache-2.0
 *
 * The epoll loop. A source that is deleted stays in memory, marked, until the turn ends: events of
 * the same batch that still point to it are skipped. The timerfd is armed once per turn for the
 * earliest timer and not at all without one; the eventfd is written when the queue of posts stops
 * being empty. All work of a turn is bounded, so neither posts nor timers starve descriptors.
 * Threads: docs/loop.md.
 */
#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"

#define EVENTS_PER_TURN 64
#define POSTS_PER_TURN  256
#define TIMERS_PER_TURN 256

enum kind { KIND_FD, KIND_TIMER, KIND_CHILD, KIND_TIMERFD, KIND_POSTS };

/* The first member of everything that has a handle; what epoll's data points to. */
struct source {
	struct list link; /* in live or dead of the loop */
	struct loop *loop;
	enum kind kind;
	int fd; /* epoll's; -1: none */
	int dead;
};

struct loop_fd {
	struct source source;
	uint32_t events;
	loop_fd_fn fn;
	void *ud;
};

struct loop_child {
	struct source source; /* owns its fd */
	loop_child_fn fn;
	void *ud;
};

struct loop_timer {
	struct source source;
	int64_t at_ns;
	uint64_t seq; /* equal times run in the order they were added */
	size_t at;    /* index in the heap */
	loop_fn fn;
	void *ud;
};

struct post {
	struct post *next;
	loop_fn fn;
	void *ud;
};

struct loop {
	int epoll_fd;
	struct source timer_source, post_source; /* own their descriptors */
	struct list live, dead;

	struct loop_timer **heap; /* the earliest first */
	size_t n_timers, heap_cap;
	uint64_t next_seq;
	int64_t armed_ns; /* what the timerfd is set to; NO_DEADLINE: nothing */

	/* Guards the queue, and that the eventfd is readable unless the queue is empty. */
	pthread_mutex_t lock;
	struct post *first, **last;

	_Atomic int stop;
	_Atomic(pthread_t) thread; /* in loop_run(), else 0 */
};

static int watch(struct loop *l, struct source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0 ? -errno : 0;
}

static void unwatch(struct source *s)
{
	epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
}

/* No more calls from now on; the memory goes at the end of the turn. */
static void retire(struct source *s)
{
	s->dead = 1;
	list_del(&s->link);
	list_add(&s->loop->dead, &s->link);
}

static void bury(struct list *sources)
{
	list_for_safe (it, sources) {
		struct source *s = list_entry(it, struct source, link);

		if (s->kind == KIND_CHILD)
			fd_close(&s->fd);
		list_del(it);
		free(s);
	}
}

static void enlist(struct loop *l, struct source *s, enum kind kind, int fd)
{
	s->loop = l;
	s->kind = kind;
	s->fd = fd;
	s->dead = 0;
	list_init(&s->link);
}

/* descriptors */

int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *ud,
		struct loop_fd **ret)
{
	struct loop_fd *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	enlist(l, &w->source, KIND_FD, fd);
	w->events = events;
	w->fn = fn;
	w->ud = ud;

	int r = watch(l, &w->source, events);

	if (r < 0) {
		free(w);
		return r;
	}
	list_add(&l->live, &w->source.link);
	if (ret)
		*ret = w;
	return 0;
}

int loop_mod_fd(struct loop_fd *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = &w->source };

	if (w->source.dead)
		return -ENOENT;
	if (events == w->events)
		return 0;
	if (epoll_ctl(w->source.loop->epoll_fd, EPOLL_CTL_MOD, w->source.fd, &ev) < 0)
		return -errno;
	w->events = events;
	return 0;
}

void loop_del_fd(struct loop_fd *w)
{
	if (!w || w->source.dead)
		return;
	unwatch(&w->source);
	retire(&w->source);
}

/* timers: a binary heap by (at_ns, seq) */

static int before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->seq < b->seq;
}

static void place(struct loop *l, size_t at, struct loop_timer *t)
{
	l->heap[at] = t;
	t->at = at;
}

static void sift_up(struct loop *l, struct loop_timer *t)
{
	size_t at = t->at;

	while (at > 0 && before(t, l->heap[(at - 1) / 2])) {
		place(l, at, l->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(l, at, t);
}

static void sift_down(struct loop *l, struct loop_timer *t)
{
	size_t at = t->at;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < l->n_timers && before(l->heap[child + 1], l->heap[child]))
			child++;
		if (child >= l->n_timers || !before(l->heap[child], t))
			break;
		place(l, at, l->heap[child]);
		at = child;
	}
	place(l, at, t);
}

static void heap_remove(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *moved = l->heap[--l->n_timers];

	if (moved == t)
		return;
	place(l, t->at, moved);
	sift_up(l, moved);
	sift_down(l, moved);
}

static int heap_reserve(struct loop *l)
{
	size_t cap = l->heap_cap ? l->heap_cap * 2 : 16;

	if (l->n_timers < l->heap_cap)
		return 0;
	struct loop_timer **heap = reallocarray(l->heap, cap, sizeof(*heap));

	if (!heap)
		return -ENOMEM;
	l->heap = heap;
	l->heap_cap = cap;
	return 0;
}

int loop_add_timer(struct loop *l, int64_t at_ns, loop_fn fn, void *ud, struct loop_timer **ret)
{
	if (heap_reserve(l) < 0)
		return -ENOMEM;
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	enlist(l, &t->source, KIND_TIMER, -1);
	t->at_ns = at_ns;
	t->seq = l->next_seq++;
	t->fn = fn;
	t->ud = ud;
	list_add(&l->live, &t->source.link);
	place(l, l->n_timers++, t);
	sift_up(l, t);
	if (ret)
		*ret = t;
	return 0;
}

void loop_del_timer(struct loop_timer *t)
{
	if (!t || t->source.dead)
		return;
	heap_remove(t->source.loop, t);
	retire(&t->source);
}

/* Set the timerfd to the earliest timer, if that has changed since the last turn. */
static int arm(struct loop *l)
{
	int64_t at_ns = l->n_timers > 0 ? l->heap[0]->at_ns : NO_DEADLINE;
	struct itimerspec spec = { { 0, 0 }, { 0, 0 } };

	if (at_ns == l->armed_ns)
		return 0;
	if (at_ns != NO_DEADLINE) {
		int64_t ns = MAX(at_ns, (int64_t)1); /* zero would disarm */

		spec.it_value.tv_sec = ns / NS_PER_SEC;
		spec.it_value.tv_nsec = ns % NS_PER_SEC;
	}
	if (timerfd_settime(l->timer_source.fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		return -errno;
	l->armed_ns = at_ns;
	return 0;
}

/* Those that are due now; one that a callback adds waits for the next turn, however early it is. */
static void run_timers(struct loop *l)
{
	int64_t now = clock_now_ns();
	uint64_t until_seq = l->next_seq, expirations;

	/* A read clears it; what is still due is armed again, and fires at once. */
	if (read(l->timer_source.fd, &expirations, sizeof(expirations)) > 0)
		l->armed_ns = NO_DEADLINE;
	for (int n = 0; n < TIMERS_PER_TURN && l->n_timers > 0 && !l->stop; n++) {
		struct loop_timer *t = l->heap[0];

		if (t->at_ns > now || t->seq >= until_seq)
			break;
		heap_remove(l, t);
		retire(&t->source);
		t->fn(t->ud);
	}
}

/* children */

int loop_add_child(struct loop *l, int pidfd, loop_child_fn fn, void *ud, struct loop_child **ret)
{
	struct loop_child *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	enlist(l, &c->source, KIND_CHILD, pidfd);
	c->fn = fn;
	c->ud = ud;

	int r = watch(l, &c->source, EPOLLIN);

	if (r < 0) {
		free(c);
		return r;
	}
	list_add(&l->live, &c->source.link);
	if (ret)
		*ret = c;
	return 0;
}

static void drop_child(struct loop_child *c)
{
	unwatch(&c->source);
	fd_close(&c->source.fd);
	retire(&c->source);
}

void loop_del_child(struct loop_child *c)
{
	if (c && !c->source.dead)
		drop_child(c);
}

static void reap(struct loop_child *c)
{
	siginfo_t info;
	int r;

	memset(&info, 0, sizeof(info));
	do
		r = waitid(P_PIDFD, (id_t)c->source.fd, &info, WEXITED | WNOHANG);
	while (r < 0 && errno == EINTR);
	if (r == 0 && info.si_pid == 0)
		return; /* not ended: a spurious event */
	if (r < 0)
		memset(&info, 0, sizeof(info)); /* not our child, or reaped elsewhere */
	drop_child(c);
	c->fn(c->ud, &info);
}

/* posts */

static void ring(struct loop *l)
{
	uint64_t one = 1;
	ssize_t n;

	/* -EAGAIN: the counter is full, so it is readable, which is all that is wanted. */
	do
		n = write(l->post_source.fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

int loop_post(struct loop *l, loop_fn fn, void *ud)
{
	struct post *p = malloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct post){ .fn = fn, .ud = ud };
	pthread_mutex_lock(&l->lock);
	int was_empty = !l->first;

	*l->last = p;
	l->last = &p->next;
	if (was_empty)
		ring(l);
	pthread_mutex_unlock(&l->lock);
	return 0;
}

/* The next one; an empty queue silences the eventfd. */
static struct post *next_post(struct loop *l)
{
	uint64_t count;

	pthread_mutex_lock(&l->lock);
	struct post *p = l->first;

	if (p) {
		l->first = p->next;
		if (!l->first)
			l->last = &l->first;
	}
	if (!l->first) {
		ssize_t n = read(l->post_source.fd, &count, sizeof(count));

		(void)n; /* -EAGAIN: silent already */
	}
	pthread_mutex_unlock(&l->lock);
	return p;
}

static void run_posts(struct loop *l)
{
	for (int n = 0; n < POSTS_PER_TURN && !l->stop; n++) {
		struct post *p = next_post(l);

		if (!p)
			return;
		loop_fn fn = p->fn;
		void *ud = p->ud;

		free(p);
		fn(ud);
	}
}

/* the loop */

static int open_own_fds(struct loop *l)
{
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return -errno;
	l->timer_source.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer_source.fd < 0)
		return -errno;
	l->post_source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->post_source.fd < 0)
		return -errno;

	int r = watch(l, &l->timer_source, EPOLLIN);

	return r < 0 ? r : watch(l, &l->post_source, EPOLLIN);
}

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epoll_fd = -1;
	enlist(l, &l->timer_source, KIND_TIMERFD, -1);
	enlist(l, &l->post_source, KIND_POSTS, -1);
	list_init(&l->live);
	list_init(&l->dead);
	l->armed_ns = NO_DEADLINE;
	l->last = &l->first;
	pthread_mutex_init(&l->lock, NULL);

	int r = open_own_fds(l);

	if (r < 0) {
		loop_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	bury(&l->dead);
	bury(&l->live);
	while (l->first) {
		struct post *p = l->first;

		l->first = p->next;
		free(p);
	}
	free(l->heap);
	fd_close(&l->epoll_fd);
	fd_close(&l->timer_source.fd);
	fd_close(&l->post_source.fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void dispatch(struct loop *l, struct source *s, uint32_t events)
{
	if (s->dead)
		return;
	switch (s->kind) {
	case KIND_FD: {
		struct loop_fd *w = container_of(s, struct loop_fd, source);

		/* Interest may have changed since the batch was fetched. */
		events &= w->events | EPOLLERR | EPOLLHUP;
		if (events)
			w->fn(w->ud, events);
		break;
	}
	case KIND_CHILD:
		reap(container_of(s, struct loop_child, source));
		break;
	case KIND_TIMERFD:
		run_timers(l);
		break;
	case KIND_POSTS:
		run_posts(l);
		break;
	case KIND_TIMER: /* not in epoll */
		break;
	}
}

static int turn(struct loop *l)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int r = arm(l);

	if (r < 0)
		return r;
	int n = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, -1);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	/* What is left when a callback stops the loop is level-triggered: it comes again. */
	for (int i = 0; i < n && !l->stop; i++)
		dispatch(l, events[i].data.ptr, events[i].events);
	bury(&l->dead);
	return 0;
}

int loop_run(struct loop *l)
{
	pthread_t none = 0;
	int r = 0;

	if (!atomic_compare_exchange_strong(&l->thread, &none, pthread_self()))
		return -EBUSY;
	while (r == 0 && !l->stop)
		r = turn(l);
	l->stop = 0;
	l->thread = 0;
	return r;
}

void loop_stop(struct loop *l)
{
	l->stop = 1;
	/* Under the lock, so that the wake-up is not taken for that of a post just removed. */
	pthread_mutex_lock(&l->lock);
	ring(l);
	pthread_mutex_unlock(&l->lock);
}

int loop_here(const struct loop *l)
{
	return l->thread == pthread_self();
}
