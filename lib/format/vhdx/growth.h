// A VHDX image that grows, which qemu-img does not do.
//
// A block allocation table that becomes too long for its region moves to a new
// one at the end of the file, which both copies of the region table name then.
// The disk's length in the metadata changes last.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::vhdx {

// `bytes`: whole sectors, more than the disk has. Errors: kResizeOwnSize,
// kVhdxLogDirty, kErrno and those of OpenStructure.
Status Grow(Arena& arena, File& file, uint64_t bytes);

}  // namespace instar::vhdx
