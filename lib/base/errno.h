// Linux's error numbers, as an Error carries them with kErrno: what a call of
// the host returned, or what qemu-img reports of a thing that the library finds
// wrong by itself.
#pragma once

#include <cstdint>

namespace instar {

inline constexpr int32_t kEperm = 1;
inline constexpr int32_t kEnoent = 2;
inline constexpr int32_t kEio = 5;
inline constexpr int32_t kEnomem = 12;
inline constexpr int32_t kEinval = 22;
inline constexpr int32_t kEfbig = 27;
inline constexpr int32_t kEnospc = 28;
inline constexpr int32_t kEopnotsupp = 95;

}  // namespace instar
