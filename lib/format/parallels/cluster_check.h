// A look at every cluster that the BAT of a Parallels image names.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/checker.h"

namespace instar::parallels {

// Checks the image and mends what `kinds` has. Each change is durable before
// one that depends on it. Errors: those of opening; the visitor's; kNoMemory.
Result<CheckResult> CheckClusters(Arena& arena, File& file,
                                  ProblemVisitor& visitor, RepairKinds kinds);

}  // namespace instar::parallels
