// Names as images store them.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"

namespace instar {

// The `length` bytes at `offset` of the cached file, up to the first zero; in
// memory from `arena`. Errors: kErrno, kNoMemory, kOverflow.
Result<ByteView> ReadStoredText(BlockCache& cache, Arena& arena,
                                uint64_t offset, uint64_t length);

}  // namespace instar
