// How much of each thing the guests of the probe do.
#pragma once

#include <cstdint>

namespace instar::bench {

inline constexpr uint64_t kExits = 5000;
inline constexpr uint64_t kCalls = 5000;
inline constexpr uint64_t kTouchedBytes = 128 << 20;

}  // namespace instar::bench
