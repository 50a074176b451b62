# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(gzip_stream LIBS ctr_worker_codec)
