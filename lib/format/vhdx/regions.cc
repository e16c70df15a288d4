#include "lib/format/vhdx/regions.h"

#include "lib/base/checked.h"
#include "lib/format/vhdx/crc32c.h"

namespace instar::vhdx {
namespace {

using L = RegionTableLayout;
using E = RegionEntryLayout;

Error Wrong(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

}  // namespace

// Ends wrap at 2^64 as qemu's do: a region that leaves that room overlaps with
// nothing.
Status Regions::CheckFree(uint64_t offset, uint64_t length) const {
  if (offset >= max_end_) {
    return {};
  }
  for (uint64_t i = count_; i > 0; --i) {
    const Region& region = all_[i - 1];
    if (offset < region.offset + region.length &&
        offset + length > region.offset) {
      return Error{.fault = Fault::kVhdxRegionOverlap,
                   .value = offset,
                   .value2 = region.offset,
                   .value3 = length << 32 | region.length};
    }
  }
  return {};
}

void Regions::Add(const Region& region) {
  all_[count_] = region;
  ++count_;
  max_end_ = Max(max_end_, region.offset + region.length);
}

Status Regions::Recognise(ByteView entry, const Region& region) {
  const auto raw = TRY(entry.Fixed<E::kSize>(0));
  const Guid guid = {.low = raw.Get<E::kGuidLow>(),
                     .high = raw.Get<E::kGuidHigh>()};
  const bool is_bat = guid == kBatRegion;
  if (!is_bat && guid != kMetadataRegion) {
    const bool is_required = (raw.Get<E::kFlags>() & kRegionRequired) != 0;
    return is_required ? Wrong(Fault::kVhdxRegionUnknown, region.offset)
                       : Status();
  }
  bool& is_known = is_bat ? has_bat_ : has_metadata_;
  if (is_known) {
    return Wrong(Fault::kVhdxRegionTwice, region.offset);
  }
  is_known = true;
  (is_bat ? bat_ : metadata_) = region;
  return {};
}

Status Regions::Read(MetadataFile& file, Arena& arena, const Header& header) {
  const ByteView table = TRY(file.Window(kRegionTableOffset, L::kSize));
  const auto raw = TRY(table.Fixed<L::kHeaderSize>(0));
  const uint64_t num_entries = raw.Get<L::kNumEntries>();
  if (raw.Get<L::kSignature>() != kRegionSignature || !IsSealed(table) ||
      num_entries > kMaxRegions) {
    return Wrong(Fault::kVhdxRegionTable, num_entries);
  }
  all_ =
      std::span(TRY(arena.NewArray<Region>(num_entries + 1)), num_entries + 1);
  Add({.offset = header.log_offset, .length = header.log_length});
  for (uint64_t i = 0; i < num_entries; ++i) {
    const ByteView entry =
        TRY(table.Slice(L::kHeaderSize + i * E::kSize, E::kSize));
    const Region region = {.offset = TRY(entry.At<Le64>(E::kFileOffset.offset)),
                           .length = TRY(entry.At<Le32>(E::kLength.offset))};
    TRY(CheckFree(region.offset, region.length));
    Add(region);
    TRY(Recognise(entry, region));
  }
  if (!has_bat_ || !has_metadata_) {
    return Wrong(Fault::kVhdxRegionMissing);
  }
  return {};
}

}  // namespace instar::vhdx
