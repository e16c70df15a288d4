// Where two buffers begin to differ.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace instar::convert {

// The index of the first sector (of 512 bytes, the last may be shorter) that
// differs; their number where none does.
// REQUIRES: both are of the same length.
uint64_t FirstDifferentSector(ByteView a, ByteView b);

// The same against zeroes.
uint64_t FirstNonzeroSector(ByteView bytes);

}  // namespace instar::convert
