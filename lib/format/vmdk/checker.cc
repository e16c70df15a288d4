// Checks a VMDK image as qemu-img does: each grain must have a place, and one
// inside its file. The first that has not ends the check.
#include "lib/format/checker.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/host_extents.h"
#include "lib/format/vmdk/disk.h"
#include "lib/format/vmdk/grain_map.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

constexpr uint8_t kName[] = {'v', 'm', 'd', 'k'};
constexpr ByteView kNameView{kName, sizeof kName};

// Tells what is wrong with `sector`; the result is `error`.
Result<int32_t> Broken(ProblemVisitor& visitor, Fault fault, uint64_t sector,
                       int32_t error) {
  TRY(visitor.OnProblem({.fault = fault, .value = sector}));
  return error;
}

// How many sectors to go on from the grain at `inside`, an extent's sector:
// over all grains of a table that is missing.
uint64_t StepFrom(const ImageExtent& extent, const Grain& grain,
                  uint64_t inside) {
  if (!grain.lacks_table) {
    return extent.grain_sectors;
  }
  const uint64_t table_end =
      (inside / extent.table_sectors() + 1) * extent.table_sectors();
  const uint64_t left = Min(table_end, extent.sectors) - inside;
  return DivRoundUp(left, extent.grain_sectors) * extent.grain_sectors;
}

// The errno with which the check ends early; 0: it does not.
Result<int32_t> CheckGrains(const Disk& disk, GrainMap& map,
                            ProblemVisitor& visitor) {
  uint64_t step = 0;
  // Each step passes a grain that has a table, or a whole missing table.
  for (uint64_t sector = 0; sector < disk.sectors(); sector += step) {
    const ImageExtent& extent = disk.ExtentAt(sector);
    const uint64_t inside = sector - extent.first_sector();
    const auto found = map.Find(extent, inside);
    if (!found.ok() || found.value().kind == GrainKind::kBroken) {
      return Broken(visitor, Fault::kCheckVmdkNoGrain, sector, kEperm);
    }
    const Grain& grain = found.value();
    if (grain.kind == GrainKind::kStored &&
        grain.offset >= TRY(SectorAlignedSize(*extent.file))) {
      return Broken(visitor, Fault::kCheckVmdkPastEnd, sector, kEinval);
    }
    step = StepFrom(extent, grain, inside);
  }
  return 0;
}

Result<CheckResult> CheckVmdk(Arena& arena, File& file, Opener& opener,
                              ProblemVisitor& visitor) {
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const Disk disk = TRY(OpenDisk(arena, cache, file, opener));
  GrainMap map = TRY(GrainMap::Create(arena, file));
  CheckResult result;
  result.error = TRY(CheckGrains(disk, map, visitor));
  return result;
}

}  // namespace

extern const Checker kChecker;
constinit const Checker kChecker = {.name = kNameView, .check = &CheckVmdk};

}  // namespace instar::vmdk
