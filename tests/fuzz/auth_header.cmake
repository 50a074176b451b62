# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(auth_header LIBS ctr_worker_fetch)
