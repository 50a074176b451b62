# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(toml LIBS ctr_core)
