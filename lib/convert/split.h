// Which parts of a buffer of guest-visible data are written and which count as
// zeroes. The cuts are qemu-img's: the bytes and the allocation of the output
// depend on them.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::convert {

inline constexpr uint64_t kSectorBytes = 512;

struct SplitRule {
  // -S in sectors: zero runs behind data that are shorter are written too.
  // 0: everything is written.
  uint64_t sparse_sectors = 8;
  // Sectors, a power of two: where a run may end, except at the buffer's end.
  uint64_t alignment_sectors = 8;
  // Before 7.0 the end of a buffer of one kind was cut at the alignment too.
  bool cut_uniform_tail = false;
};

// The rule for -S `sparse_sectors`.
SplitRule RuleFor(uint64_t sparse_sectors, bool cut_uniform_tail);

struct Piece {
  uint64_t num_sectors = 0;
  bool data = false;  // else the sectors are zeroes and need not be stored
};

bool IsZero(ByteView bytes);

// The piece at the start of `buffer`, whose first sector is number `sector` of
// the image.
// REQUIRES: buffer.size() is a positive multiple of kSectorBytes.
Piece FirstPiece(ByteView buffer, uint64_t sector, const SplitRule& rule);

}  // namespace instar::convert
