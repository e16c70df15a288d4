// The snapshot table of an image, written anew where a repair has found entries
// that are incomplete or hold too much.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/check_run.h"

namespace instar::qcow2 {

// Puts all entries into a new place and gives up the old one. REQUIRES: the
// refcounts are right. What goes wrong is told. Errors: kErrno, which ends the
// repair; the visitor's.
Status RewriteSnapshotTable(Arena& arena, CheckRun& run);

}  // namespace instar::qcow2
