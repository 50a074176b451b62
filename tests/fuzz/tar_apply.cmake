# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(tar_apply LIBS ctr_worker_unpack)
