/* SPDX-License-Identifier: Apache-2.0
 *
 * What every test of this folder includes.
 */
#ifndef CTR_TESTS_CLI_UNIT_H
#define CTR_TESTS_CLI_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
