# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(config_json LIBS ctr_worker_parse ctr_worker_client)
