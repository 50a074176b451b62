/* SPDX-License-Identifier: Apache-2.0
 *
 * Failing allocations on demand. A test program that lists fault.c and links with the --wrap
 * options (CMakeLists.txt) goes through these wrappers; the n-th call from now on returns NULL,
 * once.
 */
#ifndef CTR_TESTS_FAULT_H
#define CTR_TESTS_FAULT_H

void fault_after(int n); /* 1: the next allocation fails; 0: none does */
int fault_hit(void);     /* did it happen since the last fault_after()? */

/* Repeat body with the first, the second, ... allocation failing, until it needs no further one. */
#define FAULT_EACH(body)                                                                           \
	for (int fault_n_ = 1, fault_go_ = 1; fault_go_; fault_n_++) {                             \
		fault_after(fault_n_);                                                             \
		body;                                                                              \
		fault_go_ = fault_hit();                                                           \
		fault_after(0);                                                                    \
	}

#endif
