// What the command line asks for, in bytes, and what of it is refused.
#pragma once

#include <cstdint>

#include "gen/guest.npb.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace instar::guest {

// The size that an image of `current` bytes is to have. As qemu-img counts, in
// 64 bits with a sign that wrap around.
// Errors: kResizeNotPositive, kResizePreallocationShrinks, kResizeNeedsShrink.
Result<uint64_t> WantedBytes(const instar_proto_ResizeConfig& config,
                             uint64_t current);

}  // namespace instar::guest
