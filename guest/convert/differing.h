// Whether two runs of guest-visible bytes differ.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/convert/equal.h"
#include "lib/convert/split.h"

namespace instar::guest {

// Of [offset, +length) in both; an empty one is zeroes.
inline bool Differs(ByteView a, ByteView b, uint64_t offset, uint64_t length) {
  const uint64_t sectors = DivRoundUp(length, convert::kSectorBytes);
  if (a.empty() || b.empty()) {
    const ByteView part = (a.empty() ? b : a).Slice(offset, length).value();
    return convert::FirstNonzeroSector(part) < sectors;
  }
  return convert::FirstDifferentSector(a.Slice(offset, length).value(),
                                       b.Slice(offset, length).value()) <
         sectors;
}

}  // namespace instar::guest
