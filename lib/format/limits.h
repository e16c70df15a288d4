// What the block layer of qemu-img takes, whatever the format.
#pragma once

#include <cstdint>

namespace instar {

// The longest image that opens, bytes; Fault::kImageSize beyond.
inline constexpr uint64_t kMaxImageBytes =
    (uint64_t{1} << 63) - (uint64_t{1} << 30);

}  // namespace instar
