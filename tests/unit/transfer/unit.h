/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka with what it needs before it.
 */
#ifndef CTR_TESTS_TRANSFER_UNIT_H
#define CTR_TESTS_TRANSFER_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
