// Checks the block map of a VDI image: no stored block serves two of the disk,
// and there are as many as the header says.
#include "lib/format/checker.h"

#include "lib/base/checked.h"
#include "lib/format/vdi/block_map.h"
#include "lib/format/vdi/header.h"

namespace instar::vdi {
namespace {

constexpr uint8_t kName[] = {'v', 'd', 'i'};

class MapCheck {
 public:
  MapCheck(const Header& header, BlockMap& map, MutableBytes seen,
           ProblemVisitor& visitor)
      : header_(header), map_(map), seen_(seen), visitor_(visitor) {}
  MapCheck(const MapCheck&) = delete;
  MapCheck& operator=(const MapCheck&) = delete;

  Result<CheckResult> Run();

 private:
  Status CheckEntry(uint64_t index, uint64_t entry);
  Status Report(const Error& problem);

  const Header& header_;
  BlockMap& map_;
  MutableBytes seen_;  // a bit for each stored block
  ProblemVisitor& visitor_;
  CheckResult result_;
  uint64_t num_allocated_ = 0;
};

Result<CheckResult> MapCheck::Run() {
  seen_.Fill(0);
  for (uint64_t index = 0; index < header_.num_blocks; ++index) {
    const uint64_t entry = TRY(map_.Entry(index));
    if (IsAllocated(entry)) {
      TRY(CheckEntry(index, entry));
    }
  }
  if (num_allocated_ != header_.num_allocated) {
    TRY(Report({.fault = Fault::kCheckVdiAllocated,
                .value = num_allocated_,
                .value2 = header_.num_allocated}));
  }
  return result_;
}

Status MapCheck::CheckEntry(uint64_t index, uint64_t entry) {
  if (entry >= header_.num_blocks) {
    return Report({.fault = Fault::kCheckVdiBlockTooLarge,
                   .value = index,
                   .value2 = entry});
  }
  ++num_allocated_;
  const uint8_t byte = TRY(seen_.view().At<U8>(entry / 8));
  const auto mask = static_cast<uint8_t>(1u << entry % 8);
  if ((byte & mask) != 0) {
    return Report({.fault = Fault::kCheckVdiBlockShared, .value = entry});
  }
  return seen_.Put<U8>(entry / 8, byte | mask);
}

Status MapCheck::Report(const Error& problem) {
  ++result_.corruptions;
  return visitor_.OnProblem(problem);
}

Result<CheckResult> CheckVdi(Arena& arena, File& file, Opener& /*opener*/,
                             ProblemVisitor& visitor) {
  const Header header = TRY(ReadHeader(file));
  BlockMap map = TRY(BlockMap::Create(arena, file, header));
  const MutableBytes seen =
      TRY(arena.Allocate(Max(1, DivRoundUp(header.num_blocks, 8))));
  return MapCheck(header, map, seen, visitor).Run();
}

}  // namespace

extern const Checker kChecker;
constinit const Checker kChecker = {.name = ByteView(kName, sizeof kName),
                                    .check = &CheckVdi};

}  // namespace instar::vdi
