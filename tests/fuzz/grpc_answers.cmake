# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(grpc_answers LIBS ctr_grpc)
