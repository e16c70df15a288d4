#include "lib/format/vmdk/create_extent.h"

#include "lib/base/checked.h"
#include "lib/format/first_block.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

constexpr uint64_t kGrainSectors = 128;
constexpr uint64_t kTableEntries = 512;
constexpr uint64_t kTableSectors = kTableEntries * Le32::kSize / kSectorBytes;

constexpr uint64_t kDescriptorSector = 1;
constexpr uint64_t kDescriptorSectors = kEmbeddedDescriptorBytes / kSectorBytes;

// Longest piece of a directory that is written at a time.
constexpr uint64_t kPieceBytes = 64 * 1024;

// Header, descriptor, the second directory and its tables, the first directory
// and its tables, in sectors.
struct Geometry {
  explicit Geometry(uint64_t extent_sectors)
      : capacity(extent_sectors),
        // Cut to 32 bits, as are qemu-img's.
        num_tables(DivRoundUp(
            static_cast<uint32_t>(DivRoundUp(extent_sectors, kGrainSectors)),
            kTableEntries)),
        directory_sectors(DivRoundUp(num_tables * Le32::kSize, kSectorBytes)) {}

  uint64_t copy_sectors() const {
    return directory_sectors + num_tables * kTableSectors;
  }
  uint64_t second_directory() const {
    return kDescriptorSector + kDescriptorSectors;
  }
  uint64_t directory() const { return second_directory() + copy_sectors(); }
  uint64_t first_grain() const {
    return DivRoundUp(directory() + copy_sectors(), kGrainSectors) *
           kGrainSectors;
  }

  uint64_t capacity;
  uint64_t num_tables;
  uint64_t directory_sectors;
};

uint32_t VersionOf(const VmdkCreateOptions& options) {
  if (options.subformat == VmdkSubformat::kStreamOptimized) {
    return kVersionTracked;
  }
  return options.zeroed_grain ? kVersionZeroedGrains : kVersionPlain;
}

Status PutHeader(MutableBytes out, const Geometry& geometry,
                 const VmdkCreateOptions& options) {
  using L = SparseLayout;
  const bool packed = options.subformat == VmdkSubformat::kStreamOptimized;
  const uint32_t flags = kFlagLineEnds | kFlagTwoTables |
                         (options.zeroed_grain ? kFlagZeroedGrains : 0) |
                         (packed ? kFlagPacked | kFlagMarkers : 0);
  TRY(out.Put<Be32>(L::kMagic.offset, kSparseMagic));
  TRY(out.Put<Le32>(L::kVersion.offset, VersionOf(options)));
  TRY(out.Put<Le32>(L::kFlags.offset, flags));
  TRY(out.Put<Le64>(L::kCapacity.offset, geometry.capacity));
  TRY(out.Put<Le64>(L::kGrainSize.offset, kGrainSectors));
  TRY(out.Put<Le64>(L::kDescriptorOffset.offset, kDescriptorSector));
  TRY(out.Put<Le64>(L::kDescriptorSize.offset, kDescriptorSectors));
  TRY(out.Put<Le32>(L::kNumGtesPerGt.offset, kTableEntries));
  TRY(out.Put<Le64>(L::kRedundantDirectoryOffset.offset,
                    geometry.second_directory()));
  TRY(out.Put<Le64>(L::kDirectoryOffset.offset, geometry.directory()));
  TRY(out.Put<Le64>(L::kOverhead.offset, geometry.first_grain()));
  TRY(out.Put<Be32>(L::kLineEnds.offset, kLineEndBytes));
  return out.Put<Le16>(L::kCompression.offset,
                       packed ? kCompressionDeflate : uint16_t{0});
}

// The directory that begins at `sector`; its tables follow it.
Status WriteDirectory(File& file, const Geometry& geometry, uint64_t sector,
                      MutableBytes buffer) {
  const uint64_t bytes = geometry.directory_sectors * kSectorBytes;
  uint64_t table = 0;
  for (uint64_t done = 0; done < bytes; done += buffer.size()) {
    const MutableBytes piece = buffer.Prefix(bytes - done);
    piece.Fill(0);
    for (uint64_t at = 0; at < piece.size() && table < geometry.num_tables;
         at += Le32::kSize) {
      const uint64_t place =
          sector + geometry.directory_sectors + table * kTableSectors;
      const uint32_t entry = TRY(Narrow<uint32_t>(place));
      TRY(piece.Put<Le32>(at, entry));
      ++table;
    }
    TRY(file.WriteAt(sector * kSectorBytes + done, piece.view()));
  }
  return {};
}

}  // namespace

Status CreateSparseExtent(Arena& arena, File& file, uint64_t bytes,
                          const VmdkCreateOptions& options) {
  const Geometry geometry(bytes / kSectorBytes);
  const uint64_t mark = arena.Mark();
  const MutableBytes buffer = TRY(arena.AllocateZeroed(kPieceBytes));
  const MutableBytes header = buffer.Prefix(SparseLayout::kSize);
  TRY(file.Truncate(geometry.first_grain() * kSectorBytes,
                    FilePreallocation::kSparse));
  TRY(PutHeader(header, geometry, options));
  TRY(file.WriteAt(0, header.view()));
  TRY(WriteDirectory(file, geometry, geometry.second_directory(), buffer));
  TRY(WriteDirectory(file, geometry, geometry.directory(), buffer));
  arena.Rewind(mark);
  return {};
}

Status CreateFlatExtent(File& file, uint64_t bytes) {
  TRY(file.Truncate(bytes, FilePreallocation::kSparse));
  return WriteFirstBlock(file, bytes);
}

}  // namespace instar::vmdk
