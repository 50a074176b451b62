# SPDX-License-Identifier: Apache-2.0
ctr_fuzz(oci_user LIBS ctr_oci)
