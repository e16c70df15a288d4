// A look at every reference of a QED image's tables: it must be to a cluster of
// the file that nothing else refers to.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/checker.h"
#include "lib/format/qed/header.h"

namespace instar::qed {

// With `mends`, references to what cannot be a cluster or table are cleared,
// as qemu-img does; they are durable on return.
// Errors: those of opening the image.
Result<CheckResult> CheckTables(Arena& arena, File& file, bool mends);

}  // namespace instar::qed
