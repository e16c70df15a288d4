// The region table, and which parts of the file are taken by regions.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/vhdx/header.h"
#include "lib/format/vhdx/metadata_file.h"

namespace instar::vhdx {

struct Region {
  uint64_t offset = 0;
  uint64_t length = 0;
};

// The log's region and those of the table, known or not.
class Regions {
 public:
  // What two overlapping ranges are reported with: value, value2 are their
  // starts, value3 the lengths, the first in the upper 32 bits.
  // Errors: kVhdxRegionOverlap, with the region that was added last.
  Status CheckFree(uint64_t offset, uint64_t length) const;

  // Reads the table. Errors: kVhdxRegionTable, kVhdxRegionOverlap,
  // kVhdxRegionTwice, kVhdxRegionUnknown, kVhdxRegionMissing and those of
  // MetadataFile::Read.
  Status Read(MetadataFile& file, Arena& arena, const Header& header);

  const Region& bat() const { return bat_; }
  const Region& metadata() const { return metadata_; }

 private:
  void Add(const Region& region);
  // Fills in a region that is known, or not.
  Status Recognise(ByteView entry, const Region& region);

  std::span<Region> all_;
  uint64_t count_ = 0;
  uint64_t max_end_ = 0;
  Region bat_;
  Region metadata_;
  bool has_bat_ = false;
  bool has_metadata_ = false;
};

}  // namespace instar::vhdx
