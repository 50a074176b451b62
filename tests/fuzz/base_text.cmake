# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(base_text LIBS ctr_base)
