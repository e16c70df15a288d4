// Where the host's file has data and where it has holes, told as qemu's file
// layer tells it: in whole sectors, with the bytes between the end of the file
// and the end of its last sector as a hole of their own.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

struct HostExtent {
  uint64_t length = 0;  // bytes; 0 only at or past the end
  bool data = false;
  bool ends_file = false;  // up to the end of the last sector, or past it
};

// Length of a file in bytes, rounded up to whole sectors of 512.
Result<uint64_t> SectorAlignedSize(const File& file);

// The run at `offset`, at most `length` bytes.
// Errors: kErrno, kOverflow.
Result<HostExtent> LocateInHostFile(File& file, uint64_t offset,
                                    uint64_t length);

}  // namespace instar
