/* SPDX-License-Identifier: Apache-2.0
 *
 * How a Request or Reply (ctr/worker/v1/worker.proto) travels over the SEQPACKET pair: its bytes
 * cut into packets of at most WIRE_PACKET, each behind one byte that says whether more follow;
 * descriptors go with the first. Used by both ends. One thread per socket and direction. Messages
 * are set up with the generated __init() functions: the INIT macros cast const away, which clang's
 * -Wcast-qual refuses.
 */
#ifndef CTR_WORKER_WIRE_H
#define CTR_WORKER_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ctr/worker/v1/worker.pb-c.h"

typedef Ctr__Worker__V1__Request worker_request;
typedef Ctr__Worker__V1__Reply worker_reply_pb;

#define WIRE_PACKET  65536      /* one packet with its header byte */
#define WIRE_MESSAGE (2u << 20) /* one whole message */
#define WIRE_FDS     16         /* descriptors of one message; FD_PASS_MAX */

struct wire_wait {
	int64_t deadline_ns; /* CLOCK_MONOTONIC; NO_DEADLINE: none; 0: do not wait at all */
	int cancel_fd;       /* readable means: give up (-ECANCELED); -1: none */
};

/* Descriptors that came with a message; done closes what was not taken. */
struct wire_fds {
	int fd[WIRE_FDS];
	size_t n;
};
void wire_fds_done(struct wire_fds *fds);

/*
 * Send one message; sock is non-blocking (else the wait is the kernel's). 0, -EPIPE (other end
 * gone), -E2BIG, -ETIMEDOUT or -ECANCELED (nothing was sent when the wait ended before the first
 * packet; later the pair is unusable and must be closed), or -errno.
 */
int wire_send(int sock, const ProtobufCMessage *msg, const int *fds, size_t n_fds,
	      const struct wire_wait *wait);
/*
 * Receive one message's bytes (caller frees) and descriptors. 0, -EPIPE at end of file, -ETIMEDOUT,
 * -ECANCELED, -EMSGSIZE for a broken one, or -errno.
 */
int wire_recv(int sock, const struct wire_wait *wait, uint8_t **ret_data, size_t *ret_n,
	      struct wire_fds *ret_fds);

#endif
