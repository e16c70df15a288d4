// The header of a LUKS1 volume: read and checked, never unlocked.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/facts.h"

namespace instar::luks {

// Whether `head` begins as a LUKS volume of version 1 does.
bool IsLuks1(ByteView head);

// What the header at `offset` says, which has `room` bytes there. Texts are
// kept in `arena` or are constants.
// Errors: kErrno, kNoMemory, kNotInFormat, kLuks….
Result<LuksFacts> ReadHeader(BlockCache& cache, Arena& arena, uint64_t offset,
                             uint64_t room);

}  // namespace instar::luks
