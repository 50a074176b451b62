/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of the three files in a container's /etc.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "oci/files.h"

static void hosts_names_the_container(void **state)
{
	char extra[] = "db:10.0.0.7";
	char *list[] = { extra, NULL };
	char *text = oci_hosts_text("abc", "10.0.0.2", list);

	(void)state;
	assert_non_null(strstr(text, "127.0.0.1\tlocalhost\n"));
	assert_non_null(strstr(text, "10.0.0.7\tdb\n"));
	assert_non_null(strstr(text, "10.0.0.2\tabc\n"));
	free(text);
}

static void hostname_is_one_line(void **state)
{
	char *text = oci_hostname_text("abc");

	(void)state;
	assert_string_equal(text, "abc\n");
	free(text);
}

static void loopback_servers_stay_with_the_host(void **state)
{
	const char *host =
		"search lan\nnameserver 127.0.0.53\nnameserver\t::1\nnameserver 10.0.0.1";
	char *own = oci_resolv_text(host, 1);
	char *shared = oci_resolv_text(host, 0);

	(void)state;
	assert_string_equal(own, "search lan\nnameserver 10.0.0.1\n");
	assert_non_null(strstr(shared, "127.0.0.53"));
	free(own);
	free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_names_the_container),
		cmocka_unit_test(hostname_is_one_line),
		cmocka_unit_test(loopback_servers_stay_with_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
