// Making empty images.
#pragma once

#include "lib/format/target.h"

namespace instar::vmdk {

// Writer::validate and Writer::create.
Status ValidateOptions(const CreateOptions& options);
Status CreateImage(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options);

}  // namespace instar::vmdk
