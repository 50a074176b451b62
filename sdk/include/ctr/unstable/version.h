/* SPDX-License-Identifier: Apache-2.0
 *
 * The revision of everything below ctr/unstable. It grows with each change there. A plugin of a kind defined there, or
 * one that uses a service "ctr.*.v0", says which revision it was built for; the host loads it on an exact match only.
 */
#ifndef CTR_UNSTABLE_VERSION_H
#define CTR_UNSTABLE_VERSION_H

#define CTR_UNSTABLE_REVISION 1u

/* To be or'ed into struct ctr_plugin's flags. */
#define CTR_PLUGIN_UNSTABLE (CTR_UNSTABLE_REVISION << 16)

#endif
