# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(hosts_toml LIBS ctr_worker_fetch)
