// A VDI image that grows, which qemu-img does not do.
//
// A map that becomes too long for its place moves to where the first blocks
// were, which are copied behind the last one before. The header changes last.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::vdi {

// `bytes`: whole sectors, more than the disk has. Errors: kResizeOwnSize,
// kErrno and those of ReadHeader.
Status Grow(Arena& arena, File& file, uint64_t bytes);

}  // namespace instar::vdi
