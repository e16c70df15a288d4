// What a new VHDX image looks like.
#pragma once

#include "lib/base/arena.h"
#include "lib/format/target.h"

namespace instar::vhdx {

// Writes an empty image. Errors: kVhdxCreateSize, kVhdxCreateLogSize,
// kVhdxCreateBlockSize, kVhdxCreateBat, kErrno.
Status CreateImage(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options);

}  // namespace instar::vhdx
