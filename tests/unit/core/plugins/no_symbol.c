/* SPDX-License-Identifier: Apache-2.0
 *
 * A shared object that is no plugin.
 */
int no_symbol_at_all(void);

int no_symbol_at_all(void)
{
	return 1;
}
