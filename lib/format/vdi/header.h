// The header of a VDI image: parsed, and refused where qemu-img refuses it.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/vdi/layout.h"

namespace instar::vdi {

struct Header {
  uint32_t image_type = 0;
  uint64_t map_offset = 0;   // a multiple of 512, as is data_offset
  uint64_t data_offset = 0;  // of block 0 of the data area
  uint64_t disk_bytes = 0;   // rounded up to whole sectors
  uint64_t num_blocks = 0;   // entries of the map
  uint64_t num_allocated = 0;
};

// Whether a block with this entry is stored in the data area.
constexpr bool IsAllocated(uint64_t entry) {
  return entry < kDiscarded;
}

// Reads and checks the header, in qemu-img's order.
// Errors: kNotInFormat with the signature, kErrno, kVdi….
Result<Header> ReadHeader(File& file);

}  // namespace instar::vdi
