# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(grpc_frames LIBS ctr_grpc)
