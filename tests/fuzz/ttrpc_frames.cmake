# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(ttrpc_frames LIBS ctr_ttrpc)
