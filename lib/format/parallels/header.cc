#include "lib/format/parallels/header.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/format/limits.h"

namespace instar::parallels {
namespace {

Error Wrong(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

Error NotInFormat() {
  const ByteView name = ByteView::Of("parallels");
  return {.fault = Fault::kNotInFormat,
          .text = name.data(),
          .text_bytes = static_cast<uint32_t>(name.size())};
}

Status CheckFields(const Header& header) {
  constexpr uint64_t kMaxSector =
      std::numeric_limits<int64_t>::max() / kSectorBytes;
  if (header.tracks == 0) {
    return Wrong(Fault::kParallelsNoTracks);
  }
  if (header.tracks > kMaxTracks) {
    return Wrong(Fault::kParallelsClusterSize, header.tracks);
  }
  if (header.num_bat_entries > kMaxBatEntries) {
    return Wrong(Fault::kParallelsCatalog, header.num_bat_entries);
  }
  // Some releases do not look, and fail an assertion.
  if (header.extension_sector >= kMaxSector) {
    return Wrong(Fault::kParallelsExtensionOffset, header.extension_sector);
  }
  return {};
}

}  // namespace

uint64_t Header::NumStoredEntries(const File& file) const {
  const uint64_t size = file.size();
  if (size <= HeaderLayout::kSize) {
    return 0;
  }
  return Min(num_bat_entries,
             DivRoundUp(size - HeaderLayout::kSize, kBatEntryBytes));
}

Result<Header> ReadHeader(BlockCache& cache) {
  using L = HeaderLayout;
  const ByteView bytes = TRY(cache.View(0, L::kSize));
  const auto raw = TRY(bytes.Fixed<L::kSize>(0));
  const bool is_old = bytes.StartsWith(ByteView::Of(kMagicOld));
  if (raw.Get<L::kVersion>() != kVersion ||
      !(is_old || bytes.StartsWith(ByteView::Of(kMagicExtended)))) {
    return NotInFormat();
  }
  Header header = {
      .has_old_magic = is_old,
      .tracks = raw.Get<L::kTracks>(),
      .num_bat_entries = raw.Get<L::kBatEntries>(),
      .num_sectors = raw.Get<L::kNumSectors>(),
      .in_use = raw.Get<L::kInUse>() == kInUse,
      .data_offset = raw.Get<L::kDataOffset>(),
      .extension_sector = raw.Get<L::kExtensionOffset>(),
  };
  if (is_old) {
    header.num_sectors = static_cast<uint32_t>(header.num_sectors);
  }
  TRY(CheckFields(header));
  return header;
}

Status CheckSize(const Header& header) {
  if (header.num_sectors > kMaxImageBytes / kSectorBytes) {
    return Wrong(Fault::kImageSize, header.num_sectors);
  }
  return {};
}

Result<uint64_t> ClusterSector(BlockCache& cache, const Header& header,
                               uint64_t index) {
  const uint64_t entry =
      TRY(cache.At<Le32>(HeaderLayout::kSize + index * kBatEntryBytes));
  // Both factors are 32 bits wide.
  return entry * (header.has_old_magic ? 1 : header.tracks);
}

}  // namespace instar::parallels
