# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(filter LIBS ctr_core)
