# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(zstd_stream LIBS ctr_worker_codec)
