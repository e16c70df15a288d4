// `repair`: opens an image for writing, with all below it as qemu-img does, and
// mends its metadata; where anything was mended, the image is checked again.
#include "guest/rt/changed_image.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/checker.h"
#include "lib/format/repairer.h"

namespace instar::guest {
namespace {

constexpr int32_t kEnomedium = 123;

class Problems final : public ProblemVisitor {
 public:
  explicit Problems(const instar_proto_RepairConfig& config) {
    rules_.reserved_bits = config.reserved_bits;
    rules_.parallels = static_cast<ParallelsCheck>(Min(config.parallels, 2U));
  }

  CheckRules rules() const override { return rules_; }
  Status OnProblem(const Error& problem) override {
    gave_up_ |= problem.fault == Fault::kRepairRefblockOffset;
    ReportProblem(problem);
    return {};
  }
  // The image was marked as corrupt, after which qemu-img has it open no more.
  bool gave_up() const { return gave_up_; }

 private:
  CheckRules rules_;
  bool gave_up_ = false;
};

bool Failed(const Error& error, const Image& image,
            instar_proto_Stage stage = instar_proto_Stage_STAGE_OPEN) {
  ReportFailure(error, {.stage = stage, .slot = image.file().slot()});
  return false;
}

// Reports what a check or a repair came to. False: it did not get to its end.
bool Report(const Result<CheckResult>& result, const Image& image) {
  if (!result.ok()) {
    return Failed(result.error(), image);
  }
  if (result.value().error != 0) {
    return Failed({.fault = Fault::kErrno, .error = result.value().error},
                  image, instar_proto_Stage_STAGE_CHECK);
  }
  ReportCheck(result.value(), image);
  return true;
}

// An image that is to be opened for writing is good enough if all of it could
// be checked.
bool ReportOpening(const Result<CheckResult>& result, const Image& image) {
  int32_t error = kEio;
  if (!result.ok()) {
    error = result.error().error != 0 ? result.error().error : kEio;
  } else if (result.value().error != 0) {
    error = result.value().error;
  } else if (result.value().check_errors == 0) {
    return true;
  }
  const bool is_qcow2 = image.facts().qcow2 != nullptr;
  return Failed({.fault = is_qcow2 ? Fault::kRepairFailed : Fault::kErrno,
                 .error = error},
                image);
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_RepairConfig& config = context.config->operation.repair;
  const Image* image = OpenRepaired(context, config.image, config.is_alone);
  if (image == nullptr) {
    return false;
  }
  const Repairer* repairer = FindRepairer(image->facts().format);
  const Checker* checker = FindChecker(image->facts().format);
  if (repairer == nullptr || checker == nullptr) {
    return Failed({.fault = Fault::kNoChecker}, *image,
                  instar_proto_Stage_STAGE_CHECK);
  }
  HostOpener opener(context.arena);
  Problems problems(config);
  const uint64_t mark = context.arena.Mark();
  const Result<CheckResult> result =
      repairer->repair(context.arena, image->file(), opener, problems,
                       {.leaks = config.leaks,
                        .errors = config.errors,
                        .at_opening = config.at_opening});
  if (config.at_opening) {
    return ReportOpening(result, *image);
  }
  if (!Report(result, *image)) {
    return false;
  }
  const CheckResult& mended = result.value();
  if (mended.corruptions_fixed == 0 && mended.leaks_fixed == 0) {
    return true;
  }
  context.arena.Rewind(mark);
  if (problems.gave_up()) {
    return Failed({.fault = Fault::kErrno, .error = kEnomedium}, *image,
                  instar_proto_Stage_STAGE_CHECK);
  }
  return Report(checker->check(context.arena, image->file(), opener, problems),
                *image);
}

}  // namespace instar::guest
