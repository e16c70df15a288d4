#include "lib/format/vhdx/create.h"

#include "lib/base/checked.h"
#include "lib/format/uuid.h"
#include "lib/format/vhdx/crc32c.h"
#include "lib/format/vhdx/layout.h"

namespace instar::vhdx {
namespace {

constexpr uint64_t kGib = 1024 * kMib;
constexpr uint64_t kMaxDiskBytes = 64 * 1024 * kGib;
constexpr uint64_t kMaxLogBytes = 4 * kGib;  // below it
// qemu-img writes the BAT at once, and no transfer is longer.
constexpr uint64_t kMaxBatBytes = 0x7ffffe00;
constexpr uint64_t kBufferBytes = 64 * kKib;

// The metadata region, and the room behind it that qemu-img leaves.
constexpr uint64_t kMetadataBytes = kMib;
constexpr uint64_t kMetadataRoom = 5 * kMib;
// Where items stand in the metadata region.
constexpr uint64_t kItemsOffset = 64 * kKib;

// How `random` is divided.
constexpr uint64_t kSequenceRandom = 48;
constexpr uint64_t kFileWriteRandom = 0;
constexpr uint64_t kDataWriteRandom = 16;
constexpr uint64_t kDiskIdRandom = 32;

struct Plan {
  uint64_t disk_bytes = 0;
  uint64_t log_bytes = 0;
  uint64_t block_bytes = 0;
  uint64_t num_blocks = 0;
  uint64_t chunk_ratio = 0;  // blocks in front of each sector bitmap's entry
  uint64_t bat_bytes = 0;
  bool fixed = false;
  bool zero_blocks = false;

  uint64_t bat_offset() const { return kHeaderSectionBytes + log_bytes; }
  uint64_t metadata_offset() const { return bat_offset() + bat_bytes; }
  uint64_t data_offset() const { return metadata_offset() + kMetadataRoom; }
};

uint64_t DefaultBlockBytes(uint64_t disk_bytes) {
  if (disk_bytes > 32 * 1024 * kGib) {
    return 64 * kMib;
  }
  if (disk_bytes > 100 * kGib) {
    return 32 * kMib;
  }
  return disk_bytes > kGib ? 16 * kMib : 8 * kMib;
}

Result<uint64_t> BlockBytes(const CreateOptions& options, uint64_t disk_bytes) {
  if (options.block.block_size == 0) {
    return DefaultBlockBytes(disk_bytes);
  }
  const uint64_t rounded =
      TRY(CheckedAlignUp(options.block.block_size, kMinBlockBytes));
  const uint64_t bytes = Min(rounded, kMaxBlockBytes);
  if (!IsPowerOfTwo(bytes)) {
    return Error{.fault = Fault::kVhdxCreateBlockSize, .value = bytes};
  }
  return bytes;
}

Result<Plan> MakePlan(const CreateOptions& options) {
  Plan plan = {.fixed = options.block.fixed,
               .zero_blocks = options.block.block_state_zero};
  if (options.size > kMaxDiskBytes) {
    return Error{.fault = Fault::kVhdxCreateSize, .value = options.size};
  }
  plan.disk_bytes = TRY(CheckedAlignUp(options.size, kSectorBytes));
  const uint64_t log = Max(options.block.log_size, kLogAlignment);
  if (log > kMaxLogBytes - kLogAlignment) {
    return Error{.fault = Fault::kVhdxCreateLogSize, .value = log};
  }
  plan.log_bytes = TRY(CheckedAlignUp(log, kLogAlignment));
  plan.block_bytes = TRY(BlockBytes(options, plan.disk_bytes));
  plan.num_blocks = DivRoundUp(plan.disk_bytes, plan.block_bytes);
  plan.chunk_ratio = kSectorsPerBitmapBlock * kSectorBytes / plan.block_bytes;
  // For a disk of no bytes qemu counts one block less than none, in 32 bits.
  const uint64_t last_block = static_cast<uint32_t>(plan.num_blocks - 1);
  const uint64_t entries = plan.num_blocks + last_block / plan.chunk_ratio;
  plan.bat_bytes = TRY(CheckedAlignUp(Max(entries, 1) * kBatEntryBytes, kMib));
  return plan;
}

// ---- Header section ---------------------------------------------------------

Status WriteIdentifier(File& file, ByteView creator) {
  constexpr uint64_t kMaxCreatorBytes = 32;
  uint8_t bytes[FileIdentifierLayout::kCreator + 2 * kMaxCreatorBytes] = {};
  const MutableBytes out(bytes, sizeof bytes);
  TRY(out.Put<Le64>(FileIdentifierLayout::kSignature.offset, kFileSignature));
  for (uint64_t i = 0; i < Min(creator.size(), kMaxCreatorBytes); ++i) {
    const uint16_t letter = TRY(creator.At<U8>(i));
    TRY(out.Put<Le16>(FileIdentifierLayout::kCreator + 2 * i, letter));
  }
  return file.WriteAt(0, out.view());
}

Status WriteHeaders(File& file, const Plan& plan, const MutableBytes& out,
                    ByteView random) {
  using L = HeaderLayout;
  constexpr UuidOrder kOrder = UuidOrder::kBigEndian;
  out.Fill(0);
  TRY(out.Put<Le32>(L::kSignature.offset, kHeaderSignature));
  TRY(PutUuid(out, L::kFileWriteGuid, random, kFileWriteRandom, kOrder));
  TRY(PutUuid(out, L::kDataWriteGuid, random, kDataWriteRandom, kOrder));
  TRY(out.Put<Le16>(L::kVersion.offset, kVersion));
  TRY(out.Put<Le32>(L::kLogLength.offset,
                    static_cast<uint32_t>(plan.log_bytes)));
  TRY(out.Put<Le64>(L::kLogOffset.offset, kHeaderSectionBytes));
  uint64_t sequence = TRY(random.At<Le32>(kSequenceRandom));
  for (const uint64_t offset : kHeaderOffsets) {
    TRY(out.Put<Le64>(L::kSequenceNumber.offset, sequence++));
    Seal(out);
    TRY(file.WriteAt(offset, out.Prefix(L::kUsedBytes).view()));
  }
  return {};
}

// qemu-img does not mark the regions as required.
Status PutRegion(const MutableBytes& table, uint64_t index, const Guid& guid,
                 uint64_t offset, uint64_t length) {
  using L = RegionEntryLayout;
  const MutableBytes entry = TRY(
      table.Slice(RegionTableLayout::kHeaderSize + index * L::kSize, L::kSize));
  TRY(entry.Put<Le64>(L::kGuidLow.offset, guid.low));
  TRY(entry.Put<Le64>(L::kGuidHigh.offset, guid.high));
  TRY(entry.Put<Le64>(L::kFileOffset.offset, offset));
  return entry.Put<Le32>(L::kLength.offset, static_cast<uint32_t>(length));
}

Status WriteRegions(File& file, const Plan& plan, const MutableBytes& out) {
  using L = RegionTableLayout;
  out.Fill(0);
  TRY(out.Put<Le32>(L::kSignature.offset, kRegionSignature));
  TRY(out.Put<Le32>(L::kNumEntries.offset, uint32_t{2}));
  TRY(PutRegion(out, 0, kBatRegion, plan.bat_offset(), plan.bat_bytes));
  TRY(PutRegion(out, 1, kMetadataRegion, plan.metadata_offset(),
                kMetadataBytes));
  Seal(out);
  TRY(file.WriteAt(kRegionTableOffset, out.view()));
  return file.WriteAt(kRegionTableCopy, out.view());
}

// ---- Metadata ---------------------------------------------------------------

struct Item {
  MetadataItem item;
  uint32_t offset;  // from kItemsOffset
  uint32_t length;
  bool is_of_disk;
};

// In qemu-img's order.
constexpr Item kItems[] = {
    {kFileParameters, 0, 8, false},     {kVirtualDiskSize, 8, 8, true},
    {kVirtualDiskId, 16, 16, true},     {kLogicalSectorSize, 32, 4, true},
    {kPhysicalSectorSize, 36, 4, true},
};
constexpr uint16_t kNumItems = sizeof kItems / sizeof kItems[0];
constexpr uint64_t kItemsBytes = 40;

Status WriteMetadata(File& file, const Plan& plan, const MutableBytes& out,
                     ByteView random) {
  using Table = MetadataTableLayout;
  using Entry = MetadataEntryLayout;
  out.Fill(0);
  TRY(out.Put<Le64>(Table::kSignature.offset, kMetadataSignature));
  TRY(out.Put<Le16>(Table::kNumEntries.offset, kNumItems));
  uint64_t at = Table::kHeaderSize;
  for (const Item& item : kItems) {
    const MutableBytes entry = TRY(out.Slice(at, Entry::kSize));
    const Guid& guid = kMetadataGuids[item.item];
    TRY(entry.Put<Le64>(Entry::kGuidLow.offset, guid.low));
    TRY(entry.Put<Le64>(Entry::kGuidHigh.offset, guid.high));
    TRY(entry.Put<Le32>(Entry::kOffset.offset,
                        static_cast<uint32_t>(kItemsOffset + item.offset)));
    TRY(entry.Put<Le32>(Entry::kLength.offset, item.length));
    TRY(entry.Put<Le32>(
        Entry::kFlags.offset,
        kMetadataRequired | (item.is_of_disk ? kMetadataIsVirtualDisk : 0)));
    at += Entry::kSize;
  }
  TRY(file.WriteAt(plan.metadata_offset(), out.view()));
  uint8_t bytes[kItemsBytes] = {};
  const MutableBytes items(bytes, sizeof bytes);
  TRY(items.Put<Le32>(0, static_cast<uint32_t>(plan.block_bytes)));
  TRY(items.Put<Le32>(4, plan.fixed ? kLeaveBlocksAllocated : 0));
  TRY(items.Put<Le64>(8, plan.disk_bytes));
  TRY(PutUuid(items, 16, random, kDiskIdRandom, UuidOrder::kBigEndian));
  TRY(items.Put<Le32>(32, uint32_t{kSectorBytes}));
  TRY(items.Put<Le32>(36, uint32_t{kSectorBytes}));
  return file.WriteAt(plan.metadata_offset() + kItemsOffset, items.view());
}

// ---- BAT --------------------------------------------------------------------

// Whether the entry at `index` is a block's, and which.
bool BlockOf(const Plan& plan, uint64_t index, uint64_t& block) {
  const uint64_t chunk = plan.chunk_ratio + 1;
  block = index - index / chunk;
  return index % chunk != plan.chunk_ratio && block < plan.num_blocks;
}

uint64_t EntryAt(const Plan& plan, uint64_t index) {
  uint64_t block = 0;
  if (!BlockOf(plan, index, block)) {
    return 0;
  }
  if (plan.zero_blocks) {
    return kPayloadZero;
  }
  return (plan.data_offset() + block * plan.block_bytes) | kPayloadFullyPresent;
}

// Without entries for zero blocks a dynamic disk has none at all.
Status WriteBat(File& file, const Plan& plan, const MutableBytes& buffer) {
  if (!plan.fixed && !plan.zero_blocks) {
    return {};
  }
  if (plan.bat_bytes > kMaxBatBytes) {
    return Error{.fault = Fault::kVhdxCreateBat, .value = plan.bat_bytes};
  }
  for (uint64_t done = 0; done < plan.bat_bytes; done += buffer.size()) {
    const uint64_t first = done / kBatEntryBytes;
    for (uint64_t i = 0; i < buffer.size() / kBatEntryBytes; ++i) {
      TRY(buffer.Put<Le64>(i * kBatEntryBytes, EntryAt(plan, first + i)));
    }
    TRY(file.WriteAt(plan.bat_offset() + done, buffer.view()));
  }
  return {};
}

}  // namespace

Status CreateImage(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options) {
  const Plan plan = TRY(MakePlan(options));
  File& file = *files.file;
  const uint64_t mark = arena.Mark();
  const MutableBytes buffer = TRY(arena.Allocate(kBufferBytes));
  TRY(WriteIdentifier(file, options.block.creator));
  TRY(file.Truncate(plan.data_offset() + (plan.fixed ? plan.disk_bytes : 0),
                    FilePreallocation::kSparse));
  TRY(WriteBat(file, plan, buffer));
  TRY(WriteRegions(file, plan, buffer));
  TRY(WriteMetadata(file, plan, buffer, options.random));
  TRY(WriteHeaders(file, plan, buffer.Prefix(HeaderLayout::kSize),
                   options.random));
  arena.Rewind(mark);
  return {};
}

}  // namespace instar::vhdx
