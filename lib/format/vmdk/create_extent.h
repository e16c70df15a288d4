// Making empty extents, flat and sparse.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/format/target.h"

namespace instar::vmdk {

// Writes the header and the tables of an extent of `bytes`, whole sectors, to
// the empty `file`.
// Errors: kErrno, kNoMemory.
Status CreateSparseExtent(Arena& arena, File& file, uint64_t bytes,
                          const VmdkCreateOptions& options);

// Makes the empty `file` an extent of `bytes` zeroes, whole sectors.
// Errors: kErrno.
Status CreateFlatExtent(File& file, uint64_t bytes);

}  // namespace instar::vmdk
