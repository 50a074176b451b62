#include "core/transfer/internal.h"
ctr_code import_run(struct job *job, struct ctr_error *err) { (void)job; return ctr_fail(err, CTR_UNIMPLEMENTED, "import"); }
