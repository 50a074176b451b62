/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin host with just what the differ asks of it while it runs: errors and one call.
 */
#ifndef CTR_TEST_PAPER_HOST_H
#define CTR_TEST_PAPER_HOST_H

#include <ctr/plugin.h>

extern const struct ctr_host paper_host;
extern const struct ctr_call *const paper_call;
extern int paper_cancel; /* an eventfd or -1: the call is cancelled once it is readable */

#endif
