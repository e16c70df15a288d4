// The bytes of a compressed loop image, version 2.0, as cloop's
// compressed_loop.h gives them in struct cloop_head. Constants only.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::cloop {

// ---- struct cloop_head ------------------------------------------------------

struct HeaderLayout {
  static constexpr uint64_t kSize = 136;  // the offsets of the blocks follow

  // 128 bytes of a shell script.
  static constexpr Be32 kBlockBytes{128};
  static constexpr Be32 kNumBlocks{132};
};

inline constexpr uint64_t kSectorBytes = 512;
inline constexpr uint64_t kOffsetBytes = 8;  // big-endian, one more than blocks

// qemu's caps: blocks of 64 MiB, packed ones of twice that, a table of 512 MiB.
inline constexpr uint64_t kMaxBlockBytes = 64 << 20;
inline constexpr uint64_t kMaxPackedBytes = 2 * kMaxBlockBytes;
inline constexpr uint64_t kMaxNumBlocks = 0xffffffff / kOffsetBytes;
inline constexpr uint64_t kMaxTableBytes = 512 << 20;

}  // namespace instar::cloop
