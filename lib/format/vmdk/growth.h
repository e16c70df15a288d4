// A VMDK image that grows, which qemu-img does not do: its last extent becomes
// longer. New tables of a sparse one come at the end of its file, for both
// copies; its header names them last.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"

namespace instar::vmdk {

// `opener`: for the extents' files, to be written. `bytes`: whole sectors, more
// than the disk has. Errors: kUnsupported, kErrno and those of OpenDisk.
Status Grow(Arena& arena, File& file, Opener& opener, uint64_t bytes);

}  // namespace instar::vmdk
