/* SPDX-License-Identifier: Apache-2.0
 *
 * Intrusive doubly linked list with a head that is an element too. An element may be taken out
 * twice; the safe loop permits removal of the current element.
 */
#ifndef CTR_BASE_LIST_H
#define CTR_BASE_LIST_H

#include "base/macros.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name)                                                                            \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline int list_empty(const struct list *l)
{
	return l->next == l;
}

/* Before pos; with pos the head: at the end. */
static inline void list_add(struct list *pos, struct list *l)
{
	l->prev = pos->prev;
	l->next = pos;
	pos->prev->next = l;
	pos->prev = l;
}

static inline void list_del(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#define list_entry(l, type, member) container_of(l, type, member)
#define list_for(it, head)          for (struct list *it = (head)->next; it != (head); it = it->next)
#define list_for_safe(it, head)                                                                    \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
	     it = it##_next, it##_next = it->next)

#endif
