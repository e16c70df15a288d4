// A QED image that grows. Its L1 table has room for every size that it can
// have, so that only the header changes.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/target.h"

namespace instar::qed {

// Errors: kResizeQedPreallocation, kResizeQedSize, kResizeQedShrinks,
// kNeedsRepair, kErrno.
Status Resize(Arena& arena, File& file, uint64_t bytes,
              Preallocation preallocation);

}  // namespace instar::qed
