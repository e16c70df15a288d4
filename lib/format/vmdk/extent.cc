#include "lib/format/vmdk/extent.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/host_extents.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

// As qemu-img: a grain of 1 GiB, a directory of 32 Mi entries.
constexpr uint64_t kMaxGrainSectors = 0x200000;
constexpr uint64_t kMaxDirectoryEntries = 32 << 20;
constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();

Error Wrong(Fault fault, uint64_t value = 0) {
  return {.fault = fault, .value = value};
}

// A place in sectors, in bytes as qemu has it: what does not fit is lost.
uint64_t BytesOf(uint64_t sector) {
  return sector * kSectorBytes;
}

Status CheckExtent(const ImageExtent& extent) {
  if (extent.grain_sectors > kMaxGrainSectors || extent.grain_sectors == 0) {
    return Wrong(Fault::kVmdkGranularity, extent.grain_sectors);
  }
  if (extent.num_directory_entries > kMaxDirectoryEntries) {
    return Wrong(Fault::kVmdkL1Size, extent.num_directory_entries);
  }
  constexpr uint64_t kMaxEntryBytes = 8;
  if (extent.directory_offset >
      kMaxOffset - extent.num_directory_entries * kMaxEntryBytes) {
    return Error{.fault = Fault::kVmdkOpen, .error = kEio};
  }
  return {};
}

Result<SparseHeader> ReadCowd(BlockCache& cache, File& file) {
  using L = CowdLayout;
  const ByteView bytes = TRY(cache.View(0, L::kSize));
  const auto raw = TRY(bytes.Fixed<L::kSize>(0));
  SparseHeader header;
  header.extent = {
      .file = &file,
      .kind = ExtentKind::kSparse,
      .sectors = raw.Get<L::kCapacity>(),
      .grain_sectors = raw.Get<L::kGrainSize>(),
      .directory_offset = BytesOf(raw.Get<L::kDirectoryOffset>()),
      .num_directory_entries = raw.Get<L::kNumDirectoryEntries>(),
      .table_entries = kCowdTableEntries,
  };
  TRY(CheckExtent(header.extent));
  return header;
}

// Whether the three last sectors are a footer.
bool IsFooter(ByteView bytes) {
  const auto number = [bytes](uint64_t sector, Le32 field) {
    const auto value = bytes.At<Le32>(sector * kSectorBytes + field.offset);
    return value.ok() ? value.value() : ~uint32_t{0};
  };
  const auto magic = bytes.At<Be32>(kSectorBytes);
  const auto end = bytes.At<Le64>(2 * kSectorBytes);
  return magic.ok() && magic.value() == kSparseMagic && end.ok() &&
         end.value() == 0 && number(0, MarkerLayout::kPackedBytes) == 0 &&
         number(0, MarkerLayout::kType) == kMarkerFooter &&
         number(2, MarkerLayout::kPackedBytes) == 0 &&
         number(2, MarkerLayout::kType) == kMarkerEndOfStream;
}

Result<FixedView<SparseLayout::kSize>> ReadFooter(File& file,
                                                  const File& image_file,
                                                  MutableBytes bytes) {
  const uint64_t end = TRY(SectorAlignedSize(image_file));
  if (end < kFooterBytes) {
    return Error{.fault = Fault::kVmdkFooterRead, .error = kEio};
  }
  const Status read = file.ReadAt(end - kFooterBytes, bytes);
  if (!read.ok()) {
    return Error{.fault = Fault::kVmdkFooterRead, .error = read.error().error};
  }
  if (!IsFooter(bytes.view())) {
    return Wrong(Fault::kVmdkFooter);
  }
  return bytes.view().Fixed<SparseLayout::kSize>(kSectorBytes);
}

// Cut to 32 bits, as are qemu's.
uint64_t NumDirectoryEntries(uint64_t capacity, uint32_t table_sectors) {
  return static_cast<uint32_t>((capacity + (table_sectors - 1)) /
                               table_sectors);
}

Result<ImageExtent> ParseSparse(FixedView<SparseLayout::kSize> raw,
                                File& file) {
  using L = SparseLayout;
  const uint32_t flags = raw.Get<L::kFlags>();
  const uint64_t entries = raw.Get<L::kNumGtesPerGt>();
  const uint64_t capacity = raw.Get<L::kCapacity>();
  const uint64_t grain = raw.Get<L::kGrainSize>();
  if (raw.Get<L::kVersion>() > kMaxVersion) {
    return Wrong(Fault::kVmdkVersion, raw.Get<L::kVersion>());
  }
  if (entries > kMaxGtesPerGt) {
    return Wrong(Fault::kVmdkL2Size, entries);
  }
  const auto table_sectors = static_cast<uint32_t>(entries * grain);
  if (table_sectors == 0) {
    return Wrong(Fault::kVmdkL1Entry);
  }
  const uint64_t file_sectors = TRY(SectorAlignedSize(file)) / kSectorBytes;
  if (file_sectors < raw.Get<L::kOverhead>()) {
    return Wrong(Fault::kVmdkTruncated, BytesOf(raw.Get<L::kOverhead>()));
  }
  const ImageExtent extent = {
      .file = &file,
      .kind = ExtentKind::kSparse,
      .compressed = raw.Get<L::kCompression>() == kCompressionDeflate,
      .has_markers = (flags & kFlagMarkers) != 0,
      .has_zeroed_grains = (flags & kFlagZeroedGrains) != 0,
      .has_tracked_changes = raw.Get<L::kVersion>() == kVersionTracked &&
                             raw.Get<L::kCompression>() != kCompressionDeflate,
      .sectors = capacity,
      .grain_sectors = grain,
      .directory_offset = BytesOf(raw.Get<L::kDirectoryOffset>()),
      .second_directory_offset =
          (flags & kFlagTwoTables) != 0
              ? BytesOf(raw.Get<L::kRedundantDirectoryOffset>())
              : 0,
      .num_directory_entries = NumDirectoryEntries(capacity, table_sectors),
      .table_entries = entries,
  };
  TRY(CheckExtent(extent));
  return extent;
}

Status CheckZero(ByteView bytes, uint64_t from, Fault fault) {
  for (uint64_t at = from; at < bytes.size(); at += U8::kSize) {
    if (TRY(bytes.At<U8>(at)) != 0) {
      return Wrong(fault);
    }
  }
  return {};
}

Status CheckSeHeader(FixedView<SeSparseLayout::kSize> raw) {
  using L = SeSparseLayout;
  if (raw.Get<L::kMagic>() != kSeSparseMagic) {
    return Wrong(Fault::kVmdkSeMagic, raw.Get<L::kMagic>());
  }
  if (raw.Get<L::kVersion>() != kSeSparseVersion) {
    return Wrong(Fault::kVmdkSeVersion, raw.Get<L::kVersion>());
  }
  if (raw.Get<L::kGrainSize>() != kSeSparseGrainSectors) {
    return Wrong(Fault::kVmdkSeGrainSize, raw.Get<L::kGrainSize>());
  }
  if (raw.Get<L::kGrainTableSize>() != kSeSparseTableSectors) {
    return Wrong(Fault::kVmdkSeTableSize, raw.Get<L::kGrainTableSize>());
  }
  if (raw.Get<L::kFlags>() != 0) {
    return Wrong(Fault::kVmdkSeFlags, raw.Get<L::kFlags>());
  }
  const uint64_t last = raw.Get<L::kReserved4>();
  const Error reserved = {.fault = Fault::kVmdkSeReserved,
                          .value = raw.Get<L::kReserved1>(),
                          .value2 = raw.Get<L::kReserved2>(),
                          .value3 = raw.Get<L::kReserved3>()};
  if ((reserved.value | reserved.value2 | reserved.value3 | last) != 0) {
    return reserved;
  }
  return {};
}

Status CheckSeVolatileHeader(BlockCache& cache, uint64_t sector) {
  using L = SeSparseVolatileLayout;
  constexpr uint64_t kMaxSector = kMaxOffset / kSectorBytes;
  if (sector >= kMaxSector) {
    return Error{.fault = Fault::kVmdkOpen, .error = kEio};
  }
  const ByteView bytes = TRY(cache.View(BytesOf(sector), L::kSize));
  const auto raw = TRY(bytes.Fixed<L::kSize>(0));
  if (raw.Get<L::kMagic>() != kSeSparseVolatileMagic) {
    return Wrong(Fault::kVmdkSeVolatileMagic, raw.Get<L::kMagic>());
  }
  if (raw.Get<L::kReplayJournal>() != 0) {
    return Wrong(Fault::kVmdkSeDirty);
  }
  return CheckZero(bytes, L::kPadding, Fault::kVmdkSeVolatilePadding);
}

}  // namespace

Result<SparseHeader> ReadSparseHeader(BlockCache& cache, File& file,
                                      uint32_t magic, const File& image_file) {
  using L = SparseLayout;
  if (magic == kCowdMagic) {
    return ReadCowd(cache, file);
  }
  if (magic != kSparseMagic) {
    return Wrong(Fault::kVmdkNotVmdk);
  }
  const ByteView bytes = TRY(cache.View(0, L::kSize));
  auto raw = TRY(bytes.Fixed<L::kSize>(0));
  SparseHeader header;
  const uint64_t descriptor = raw.Get<L::kDescriptorOffset>();
  if (raw.Get<L::kCapacity>() == 0 && descriptor != 0) {
    header.has_descriptor = true;
    header.descriptor_offset = BytesOf(descriptor);
    return header;
  }
  uint8_t footer[kFooterBytes];
  if (raw.Get<L::kDirectoryOffset>() == kDirectoryAtEnd) {
    raw = TRY(ReadFooter(file, image_file, MutableBytes(footer, kFooterBytes)));
  }
  header.extent = TRY(ParseSparse(raw, file));
  return header;
}

Result<ImageExtent> ReadSeSparseHeader(BlockCache& cache, File& file) {
  using L = SeSparseLayout;
  const ByteView bytes = TRY(cache.View(0, L::kSize));
  const auto raw = TRY(bytes.Fixed<L::kSize>(0));
  TRY(CheckSeHeader(raw));
  TRY(CheckZero(bytes, L::kPadding, Fault::kVmdkSePadding));
  constexpr uint64_t kEntriesInSector = kSectorBytes / kSeSparseEntryBytes;
  const ImageExtent extent = {
      .file = &file,
      .kind = ExtentKind::kSeSparse,
      .sectors = raw.Get<L::kCapacity>(),
      .grain_sectors = kSeSparseGrainSectors,
      .directory_offset = BytesOf(raw.Get<L::kDirectoryOffset>()),
      .num_directory_entries = static_cast<uint32_t>(
          raw.Get<L::kDirectorySize>() * kEntriesInSector),
      .table_entries = kSeSparseTableSectors * kEntriesInSector,
      .tables_sector = raw.Get<L::kTablesOffset>(),
      .grains_sector = raw.Get<L::kGrainsOffset>(),
  };
  TRY(CheckSeVolatileHeader(cache, raw.Get<L::kVolatileHeaderOffset>()));
  TRY(CheckExtent(extent));
  return extent;
}

}  // namespace instar::vmdk
