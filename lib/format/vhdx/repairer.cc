// Repairing a VHDX image: what its log still has to write is written, as
// qemu-img does whenever it opens an image for writing. Nothing else is mended.
#include "lib/format/repairer.h"

#include "lib/format/vhdx/crc32c.h"
#include "lib/format/vhdx/header.h"
#include "lib/format/vhdx/layout.h"
#include "lib/format/vhdx/log.h"
#include "lib/format/vhdx/structure.h"

namespace instar::vhdx {

extern const Checker kChecker;

namespace {

constexpr uint8_t kName[] = {'v', 'h', 'd', 'x'};

// Both copies of the header forget the log, the one that does not count first.
Status ForgetLog(Arena& arena, File& file, const Header& header) {
  using L = HeaderLayout;
  const MutableBytes bytes = TRY(arena.Allocate(L::kSize));
  TRY(file.ReadAt(kHeaderOffsets[header.copy], bytes));
  TRY(bytes.Put<Le64>(L::kLogGuidLow.offset, 0));
  TRY(bytes.Put<Le64>(L::kLogGuidHigh.offset, 0));
  for (uint32_t i = 1; i <= 2; ++i) {
    TRY(bytes.Put<Le64>(L::kSequenceNumber.offset, header.sequence_number + i));
    Seal(bytes);
    TRY(file.WriteAt(kHeaderOffsets[(header.copy + i) % 2], bytes.view()));
    TRY(file.Flush());
  }
  return {};
}

// Returns whether there was something to write.
Result<bool> Replay(Arena& arena, File& file) {
  const Header header = TRY(ReadHeader(file, arena));
  const auto unread = OpenLog(arena, file, header, false);
  if (unread.ok()) {
    return false;
  }
  Log* log = TRY(OpenLog(arena, file, header, true));
  if (log == nullptr && unread.error().fault != Fault::kVhdxLogDirty) {
    return unread.error();  // what is not understood is kept
  }
  if (log != nullptr) {
    TRY(log->Replay(file));
    TRY(file.Flush());
  }
  TRY(ForgetLog(arena, file, header));
  return true;
}

Result<CheckResult> RepairVhdx(Arena& arena, File& file, Opener& opener,
                               ProblemVisitor& visitor, RepairKinds /*kinds*/) {
  const uint64_t mark = arena.Mark();
  const bool was_replayed = TRY(Replay(arena, file));
  arena.Rewind(mark);
  CheckResult result = TRY(kChecker.check(arena, file, opener, visitor));
  result.corruptions_fixed += was_replayed ? 1 : 0;
  return result;
}

}  // namespace

extern const Repairer kRepairer;
constinit const Repairer kRepairer = {.name = ByteView{kName, sizeof kName},
                                      .repair = &RepairVhdx};

}  // namespace instar::vhdx
