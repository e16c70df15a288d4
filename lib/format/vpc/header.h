// The footer and the dynamic header of a VHD image: parsed, and refused where
// qemu-img refuses them.
#pragma once

#include <cstdint>

#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/vpc/layout.h"

namespace instar::vpc {

// What tells the disk's size.
enum class SizeRule : uint8_t {
  // The geometry, but for the creators that Microsoft's and Citrix's newer
  // programs and qemu write. qemu-img before 10.0.
  kGeometryUnlessKnown,
  // The recorded size, but for Virtual PC's and old qemu's images.
  kRecordedUnlessOld,
};

struct Header {
  uint64_t virtual_size = 0;  // bytes
  uint32_t disk_type = 0;
  // The file begins with a copy of the footer; the fields below hold.
  bool has_table = false;
  uint64_t dynamic_offset = 0;  // of the dynamic header
  uint64_t table_offset = 0;
  uint64_t num_entries = 0;
  uint64_t block_bytes = 0;   // a power of two, 512 to 2^31
  uint64_t bitmap_bytes = 0;  // in front of each block's data

  // The guest's bytes are the file's own, at the same offsets.
  bool is_flat() const { return disk_type == kDiskFixed; }
  uint64_t table_bytes() const { return num_entries * kEntryBytes; }
  // What an allocated block takes in the file.
  uint64_t stored_block_bytes() const { return bitmap_bytes + block_bytes; }
};

// The sum of all bytes of `record`, as if the four at `checksum_offset` were
// zero, inverted.
uint32_t ChecksumOf(ByteView record, uint64_t checksum_offset);

// Reads and checks everything but the block allocation table's entries, in
// qemu-img's order. Differencing disks are refused: their parent is never
// looked for, and without it they read wrong.
// Errors: kNotInFormat, kUnsupported, kErrno, kVpc….
Result<Header> ReadHeader(File& file, SizeRule rule);

}  // namespace instar::vpc
