// Making an empty image.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/target.h"

namespace instar::qcow2 {

// As Writer::validate and Writer::create (lib/format/target.h).
Status ValidateOptions(const CreateOptions& options);
Status CreateImage(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options);

}  // namespace instar::qcow2
