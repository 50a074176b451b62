# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(index_json LIBS ctr_worker_parse ctr_worker_client)
