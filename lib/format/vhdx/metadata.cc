#include "lib/format/vhdx/metadata.h"

#include "lib/base/checked.h"
#include "lib/format/vhdx/layout.h"

namespace instar::vhdx {
namespace {

using L = MetadataTableLayout;
using E = MetadataEntryLayout;

Error Wrong(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

// Where the known items are.
struct Items {
  bool present[kNumMetadataItems] = {};
  uint64_t offsets[kNumMetadataItems] = {};  // of the file
};

Status AddItem(ByteView entry, uint64_t table_offset, Items& items) {
  const auto raw = TRY(entry.Fixed<E::kSize>(0));
  const Guid guid = {.low = raw.Get<E::kGuidLow>(),
                     .high = raw.Get<E::kGuidHigh>()};
  for (uint64_t i = 0; i < kNumMetadataItems; ++i) {
    if (guid != kMetadataGuids[i]) {
      continue;
    }
    if (items.present[i]) {
      return Wrong(Fault::kVhdxMetadataTwice, i);
    }
    items.present[i] = true;
    items.offsets[i] = table_offset + raw.Get<E::kOffset>();
    return {};
  }
  const bool is_required = (raw.Get<E::kFlags>() & kMetadataRequired) != 0;
  return is_required ? Wrong(Fault::kVhdxMetadataUnknown) : Status();
}

Result<Items> ReadTable(MetadataFile& file, uint64_t offset) {
  const ByteView table = TRY(file.Window(offset, L::kSize));
  const auto raw = TRY(table.Fixed<L::kHeaderSize>(0));
  const uint64_t num_entries = raw.Get<L::kNumEntries>();
  if (raw.Get<L::kSignature>() != kMetadataSignature ||
      num_entries > kMaxMetadataItems) {
    return Wrong(Fault::kVhdxMetadataTable, num_entries);
  }
  Items items;
  for (uint64_t i = 0; i < num_entries; ++i) {
    const ByteView entry =
        TRY(table.Slice(L::kHeaderSize + i * E::kSize, E::kSize));
    TRY(AddItem(entry, offset, items));
  }
  // A parent locator is one item too many: qemu reads no differencing images.
  for (uint64_t i = 0; i < kNumMetadataItems; ++i) {
    if (items.present[i] != (i != kParentLocator)) {
      return Wrong(Fault::kVhdxMetadataMissing, i);
    }
  }
  return items;
}

Result<uint64_t> ReadNumber(MetadataFile& file, uint64_t offset,
                            uint64_t num_bytes) {
  uint8_t bytes[8] = {};
  TRY(file.Read(offset, MutableBytes(bytes, num_bytes)));
  return uint64_t{TRY(ByteView(bytes, sizeof bytes).At<Le64>(0))};
}

}  // namespace

Result<DiskParameters> ReadMetadata(MetadataFile& file, uint64_t offset) {
  const Items items = TRY(ReadTable(file, offset));
  uint8_t bytes[FileParametersLayout::kSize] = {};
  TRY(file.Read(items.offsets[kFileParameters],
                MutableBytes(bytes, sizeof bytes)));
  const FixedView<FileParametersLayout::kSize> parameters(bytes);
  if ((parameters.Get<FileParametersLayout::kFlags>() & kHasParent) != 0) {
    return Wrong(Fault::kVhdxParent);
  }
  const uint64_t virtual_size =
      TRY(ReadNumber(file, items.offsets[kVirtualDiskSize], 8));
  const uint64_t logical_sector =
      TRY(ReadNumber(file, items.offsets[kLogicalSectorSize], 4));
  // Its value does not matter, but qemu fails where it cannot be read.
  const uint64_t physical_sector =
      TRY(ReadNumber(file, items.offsets[kPhysicalSectorSize], 4));
  static_cast<void>(physical_sector);
  const uint64_t block_bytes =
      parameters.Get<FileParametersLayout::kBlockSize>();
  if (block_bytes < kMinBlockBytes || block_bytes > kMaxBlockBytes) {
    return Wrong(Fault::kVhdxBlockSize, block_bytes);
  }
  if (logical_sector != kSectorBytes) {
    return Wrong(Fault::kVhdxSectorSize, logical_sector);
  }
  if (!IsPowerOfTwo(block_bytes)) {
    return Wrong(Fault::kVhdxBlockSize, block_bytes);
  }
  return DiskParameters{.block_bytes = block_bytes,
                        .virtual_size = virtual_size};
}

}  // namespace instar::vhdx
