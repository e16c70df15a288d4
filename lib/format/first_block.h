// The first block of a file that is data and nothing else.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

// Writes zeroes at the start of a new file of `size` bytes, as qemu-img does,
// so that whoever probes its block size finds an allocated block. Where the
// disk is full there is none: that is no error, as the bytes read the same.
Status WriteFirstBlock(File& file, uint64_t size);

}  // namespace instar
