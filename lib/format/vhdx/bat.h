// The block allocation table: which block of the disk is where in the file.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/format/checker.h"
#include "lib/format/vhdx/layout.h"
#include "lib/format/vhdx/metadata.h"
#include "lib/format/vhdx/metadata_file.h"
#include "lib/format/vhdx/regions.h"

namespace instar::vhdx {

// A run of blocks, from somewhere in the first one on.
struct Mapping {
  uint64_t length = 0;       // bytes
  bool is_data = false;      // else it reads as zeroes
  uint64_t host_offset = 0;  // of data
};

class Bat {
 public:
  Bat() = default;

  // Errors: kVhdxBatTooSmall, kVhdxUnreadable.
  static Result<Bat> Create(const Region& region,
                            const DiskParameters& parameters);

  // What is at a place of the disk: one run of at most `length` bytes, and no
  // more than one window of the table tells.
  // REQUIRES: length > 0. Errors: kErrno also where a block has a state that
  // cannot be read; those of MetadataFile::Read.
  Result<Mapping> Find(MetadataFile& file, uint64_t offset,
                       uint64_t length) const;

  // Looks at every entry of a block that is fully present. Ends with the first
  // problem where there is no `visitor`; else hands all to it, returning how
  // many there were. Like qemu it does so with entries of sector bitmaps too.
  // Errors: kVhdxRegionOverlap, kVhdxBatOverflow, kVhdxBatStart, kVhdxBatEnd
  // (value: index; value2: offset; value3: length of the file) and those of
  // MetadataFile::Read.
  Result<uint64_t> Check(MetadataFile& file, const Regions& regions,
                         ProblemVisitor* visitor) const;

 private:
  struct Entries {
    ByteView bytes;
    uint64_t first_index = 0;
  };
  Result<Entries> Load(MetadataFile& file, uint64_t index) const;
  uint64_t IndexOf(uint64_t offset) const;
  uint64_t StoredBytes(uint64_t index) const;
  Result<uint64_t> CheckEntry(uint64_t index, uint64_t entry,
                              uint64_t file_size, const Regions& regions,
                              ProblemVisitor* visitor) const;

  Region region_;
  uint64_t block_bytes_ = 0;
  uint64_t virtual_size_ = 0;
  uint64_t chunk_ratio_ = 0;  // blocks for each sector bitmap's entry
  uint64_t num_entries_ = 0;
};

}  // namespace instar::vhdx
