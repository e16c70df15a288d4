// A VHD image that grows, which qemu-img does not do.
//
// A block allocation table that becomes too long for its place moves behind all
// else; of a fixed disk the footer moves. What says how large the disk is
// changes last: the copies of the footer.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/vpc/header.h"

namespace instar::vpc {

// `bytes`: whole sectors, more than the disk has. Where the geometry tells the
// disk's size, it is rounded up to one. Errors: kResizeOwnSize, kErrno and
// those of ReadHeader.
Status Grow(Arena& arena, File& file, SizeRule rule, uint64_t bytes);

}  // namespace instar::vpc
