/* SPDX-License-Identifier: Apache-2.0
 *
 * Capability sets: the default, what is available here, and the user's adds and drops.
 */
#include "oci/caps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "base/macros.h"
#include "base/str.h"
#include "status/status.h"

#define NAME_ROOM 64

uint64_t oci_caps_default(void)
{
	return CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FSETID) |
	       CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_NET_RAW) |
	       CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETFCAP) |
	       CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_NET_BIND_SERVICE) | CAP_BIT(CAP_SYS_CHROOT) |
	       CAP_BIT(CAP_KILL) | CAP_BIT(CAP_AUDIT_WRITE);
}

uint64_t oci_caps_available(void)
{
	uint64_t mask = 0;

	for (cap_value_t c = 0; c < cap_max_bits() && c < 64; c++) {
		if (cap_get_bound(c) == 1)
			mask |= CAP_BIT(c);
	}
	return mask;
}

int oci_cap_name(unsigned bit, char *ret, unsigned long room)
{
	char *name = cap_to_name((cap_value_t)bit);
	int r = -EINVAL;

	/* libcap answers with the bare number for one it does not know */
	if (name && strncmp(name, "cap_", 4) == 0 && strlen(name) < room) {
		size_t i;

		for (i = 0; name[i]; i++)
			ret[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A')
								  : name[i];
		ret[i] = 0;
		r = 0;
	}
	cap_free(name);
	return r;
}

/* Mask of one name as the user writes it, 0 when unknown. */
static uint64_t mask_of(const char *name, uint64_t available)
{
	char full[NAME_ROOM];
	cap_value_t value;

	if (strcasecmp(name, "ALL") == 0)
		return available;
	int n = snprintf(full, sizeof(full), "%s%s",
			 strncasecmp(name, "cap_", 4) == 0 ? "" : "cap_", name);

	if (n < 0 || (size_t)n >= sizeof(full) || cap_from_name(full, &value) != 0 || value < 0 ||
	    value > 63)
		return 0;
	return CAP_BIT(value);
}

ctr_code oci_caps_apply(uint64_t base, uint64_t available, char *const *adds, char *const *drops,
			uint64_t *ret, struct ctr_error *err)
{
	uint64_t set = base;

	for (size_t i = 0; drops && drops[i]; i++) {
		int all = strcasecmp(drops[i], "ALL") == 0;
		uint64_t mask = all ? UINT64_MAX : mask_of(drops[i], available);

		if (!mask)
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown capability '%s'",
					drops[i]);
		set &= ~mask;
	}
	for (size_t i = 0; adds && adds[i]; i++) {
		uint64_t mask = mask_of(adds[i], available);

		if (!mask)
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown capability '%s'",
					adds[i]);
		if (mask & ~available)
			return ctr_fail(err, CTR_FAILED_PRECONDITION,
					"capability '%s' is not available on this machine",
					adds[i]);
		set |= mask;
	}
	*ret = set & available;
	return CTR_OK;
}
