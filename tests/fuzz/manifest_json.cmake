# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(manifest_json LIBS ctr_worker_parse ctr_worker_client)
