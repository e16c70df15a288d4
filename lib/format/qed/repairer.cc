// Repairing a QED image: references that lead nowhere are cleared, and an image
// whose tables agree with each other needs no check any more.
#include "lib/format/repairer.h"

#include "lib/format/block_cache.h"
#include "lib/format/qed/header.h"
#include "lib/format/qed/table_check.h"

namespace instar::qed {
namespace {

constexpr uint8_t kName[] = {'q', 'e', 'd'};

Status Put(File& file, uint64_t offset, uint64_t value) {
  uint8_t bytes[Le64::kSize];
  const MutableBytes out(bytes, sizeof bytes);
  TRY(out.Put<Le64>(0, value));
  return file.WriteAt(offset, out.view());
}

// Takes back what others have promised of the image, and that it needs a check
// if it had one.
Status WriteFeatures(Arena& arena, File& file, bool is_sound) {
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const Header header = TRY(ReadHeader(cache, file));
  const uint64_t promises =
      TRY(cache.At<Le64>(HeaderLayout::kAutoclearFeatures.offset));
  if (promises != 0) {
    TRY(Put(file, HeaderLayout::kAutoclearFeatures.offset, 0));
  }
  if (is_sound && (header.features & kNeedCheck) != 0) {
    TRY(Put(file, HeaderLayout::kFeatures.offset,
            header.features & ~uint64_t{kNeedCheck}));
  }
  return file.Flush();
}

Result<CheckResult> RepairQed(Arena& arena, File& file, Opener& /*opener*/,
                              ProblemVisitor& /*visitor*/, RepairKinds kinds) {
  CheckResult result = TRY(CheckTables(arena, file, true));
  const bool is_sound = result.corruptions == 0 || kinds.at_opening;
  const Status written =
      WriteFeatures(arena, file, is_sound && result.check_errors == 0);
  if (!written.ok()) {
    ++result.check_errors;
  }
  return result;
}

}  // namespace

extern const Repairer kRepairer;
constinit const Repairer kRepairer = {.name = ByteView{kName, sizeof kName},
                                      .repair = &RepairQed};

}  // namespace instar::qed
