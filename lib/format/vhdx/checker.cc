// Checks a VHDX image: that blocks lie within the file and outside of regions.
#include "lib/format/checker.h"

#include "lib/format/vhdx/structure.h"

namespace instar::vhdx {
namespace {

constexpr uint8_t kName[] = {'v', 'h', 'd', 'x'};

// What makes opening fail is only counted here.
Fault AsProblem(Fault fault) {
  switch (static_cast<uint32_t>(fault)) {
    case static_cast<uint32_t>(Fault::kVhdxRegionOverlap):
      return Fault::kCheckVhdxRegionOverlap;
    case static_cast<uint32_t>(Fault::kVhdxBatOverflow):
      return Fault::kCheckVhdxBatOverflow;
    case static_cast<uint32_t>(Fault::kVhdxBatStart):
      return Fault::kCheckVhdxBatStart;
    case static_cast<uint32_t>(Fault::kVhdxBatEnd):
      return Fault::kCheckVhdxBatEnd;
    default:
      return fault;
  }
}

class Problems final : public ProblemVisitor {
 public:
  explicit Problems(ProblemVisitor& visitor) : visitor_(&visitor) {}
  Status OnProblem(const Error& problem) override {
    Error counted = problem;
    counted.fault = AsProblem(problem.fault);
    return visitor_->OnProblem(counted);
  }

 private:
  ProblemVisitor* visitor_;
};

Result<CheckResult> CheckVhdx(Arena& arena, File& file, Opener& /*opener*/,
                              ProblemVisitor& visitor) {
  Structure structure;
  TRY(OpenStructure(arena, file, false, structure));
  Problems problems(visitor);
  const uint64_t num_problems =
      TRY(structure.bat.Check(structure.file, structure.regions, &problems));
  return CheckResult{.corruptions = num_problems};
}

}  // namespace

extern const Checker kChecker;
constinit const Checker kChecker = {.name = ByteView(kName, sizeof kName),
                                    .check = &CheckVhdx};

}  // namespace instar::vhdx
