#include "lib/format/vmdk/grain_map.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
constexpr Grain kBrokenGrain = {.kind = GrainKind::kBroken};
constexpr Grain kNoTable = {.kind = GrainKind::kUnallocated,
                            .lacks_table = true};

// A walk from front to back leaves one block of tables for the next.
constexpr uint64_t kTableBlocks = 2;

}  // namespace

Result<GrainMap> GrainMap::Create(Arena& arena, File& file) {
  GrainMap map;
  map.file_ = &file;
  map.directory_ = TRY(BlockCache::Create(arena, file, 1));
  map.tables_ = TRY(BlockCache::Create(arena, file, kTableBlocks));
  return map;
}

void GrainMap::LookInto(File& file) {
  if (file_ != &file) {
    file_ = &file;
    directory_.SetFile(file);
    tables_.SetFile(file);
  }
}

Result<Grain> GrainMap::Find(const ImageExtent& extent, uint64_t sector) {
  if (extent.kind == ExtentKind::kFlat) {
    const uint64_t bytes = extent.sectors * kSectorBytes;
    const bool has_place =
        bytes <= kMaxOffset && extent.flat_start <= kMaxOffset - bytes;
    return has_place
               ? Grain{.kind = GrainKind::kStored, .offset = extent.flat_start}
               : kBrokenGrain;
  }
  const uint64_t table = sector / extent.table_sectors();
  const uint64_t index = sector / extent.grain_sectors % extent.table_entries;
  if (table >= extent.num_directory_entries) {
    return kBrokenGrain;
  }
  LookInto(*extent.file);
  if (extent.kind == ExtentKind::kSeSparse) {
    const uint64_t entry = TRY(directory_.At<Le64>(
        extent.directory_offset + table * kSeSparseEntryBytes));
    return FindSeSparse(extent, entry, index);
  }
  const uint64_t entry =
      TRY(directory_.At<Le32>(extent.directory_offset + table * Le32::kSize));
  return FindSparse(extent, entry * kSectorBytes, index);
}

Result<Grain> GrainMap::FindSparse(const ImageExtent& extent,
                                   uint64_t table_offset, uint64_t index) {
  if (table_offset == 0) {
    return kNoTable;
  }
  const uint64_t entry =
      TRY(tables_.At<Le32>(table_offset + index * Le32::kSize));
  if (extent.has_zeroed_grains && entry == kZeroedGrain) {
    return Grain{.kind = GrainKind::kZeroed};
  }
  if (entry == 0) {
    return Grain{};
  }
  return Grain{.kind = GrainKind::kStored, .offset = entry * kSectorBytes};
}

Result<Grain> GrainMap::FindSeSparse(const ImageExtent& extent,
                                     uint64_t directory_entry, uint64_t index) {
  if (directory_entry == 0) {
    return kNoTable;
  }
  if ((directory_entry & kSeTableMask) != kSeTablePresent) {
    return kBrokenGrain;
  }
  // As qemu, which keeps 32 bits of a table's sector.
  const uint64_t table =
      extent.tables_sector +
      (directory_entry & ~kSeTableMask) * kSeSparseTableSectors;
  if (table > std::numeric_limits<uint32_t>::max()) {
    return kBrokenGrain;
  }
  if (table == 0) {
    return kNoTable;
  }
  const uint64_t entry =
      TRY(tables_.At<Le64>(table * kSectorBytes + index * kSeSparseEntryBytes));
  switch (entry >> kSeKindShift) {
    case kSeKindUnallocated:
      return entry == 0 ? Grain{} : kBrokenGrain;
    case kSeKindUnmapped:
    case kSeKindZero:
      return Grain{.kind = GrainKind::kZeroed};
    case kSeKindAllocated:
      break;
    default:
      return kBrokenGrain;
  }
  const uint64_t number = (entry & kSeGrainLowMask) >> kSeGrainLowShift |
                          (entry & kSeGrainHighMask) << kSeGrainHighShift;
  const auto in_sectors = CheckedMul(number, extent.grain_sectors);
  const auto sector = in_sectors.ok()
                          ? CheckedAdd(in_sectors.value(), extent.grains_sector)
                          : in_sectors;
  if (!sector.ok() ||
      sector.value() >= kMaxOffset / kSectorBytes - kSeSparseGrainSectors) {
    return kBrokenGrain;
  }
  if (sector.value() == 0) {
    return Grain{};
  }
  return Grain{.kind = GrainKind::kStored,
               .offset = sector.value() * kSectorBytes};
}

}  // namespace instar::vmdk
