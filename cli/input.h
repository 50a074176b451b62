/* SPDX-License-Identifier: Apache-2.0
 *
 * Our standard input into a process's FIFO, with the detach keys (ctrl-p ctrl-q) on a terminal.
 */
#ifndef CTR_CLI_INPUT_H
#define CTR_CLI_INPUT_H

#include "base/loop.h"
#include "status/status.h"

struct input;

/*
 * on_end: our input has ended and all of it is written. on_detach: the keys were pressed. Both on
 * the loop, once.
 */
ctr_code input_open(struct loop *loop, const char *fifo, int keys, loop_fn on_end,
		    loop_fn on_detach, void *ud, struct input **ret, struct ctr_error *err);
int input_start(struct input *in);  /* 0 or -errno */
void input_close(struct input *in); /* NULL allowed */

/*
 * The keys' automaton: takes n bytes, removes a complete sequence's bytes and holds back a half
 * one. Returns the bytes to pass on (in out, room n + 1), and sets *ret_detach at the sequence.
 * state starts at 0.
 */
size_t detach_filter(int *state, const char *data, size_t n, char *out, int *ret_detach);

#endif
