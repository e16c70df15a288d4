// `check`: opens an image, with all below it as qemu-img does, and checks its
// metadata; with backing_chain that of every image below it too.
#include "guest/rt/claims.h"
#include "guest/rt/context.h"
#include "guest/rt/findings.h"
#include "guest/rt/output.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"
#include "lib/format/chain.h"
#include "lib/format/checker.h"

namespace instar::guest {
namespace {

constexpr uint32_t kClaimFormat =
    abi::kClaimRead | abi::kClaimUnshareWrite | abi::kClaimUnshareResize;

class Problems final : public ProblemVisitor {
 public:
  explicit Problems(const instar_proto_CheckConfig& config) {
    rules_.reserved_bits = config.reserved_bits;
    rules_.parallels = static_cast<ParallelsCheck>(Min(config.parallels, 2U));
  }

  CheckRules rules() const override { return rules_; }
  Status OnProblem(const Error& problem) override {
    ReportProblem(problem);
    return {};
  }

 private:
  CheckRules rules_;
};

bool Failed(const Error& error, const File& file,
            instar_proto_Stage stage = instar_proto_Stage_STAGE_OPEN) {
  ReportFailure(error, {.stage = stage, .slot = file.slot()});
  return false;
}

// Claims `top` and all layers below it.
bool ClaimChain(Image* top) {
  uint32_t depth = 0;
  for (Image* layer = top; layer != nullptr && depth < kMaxChainDepth;
       layer = layer->backing(), ++depth) {
    const bool is_raw =
        layer == top && layer->facts().format.Equals(ByteView::Of("raw"));
    const uint32_t flags = is_raw ? uint32_t{abi::kClaimRead} : kClaimFormat;
    const Status claimed = ClaimImage(*layer, flags, flags);
    if (!claimed.ok()) {
      return Failed(claimed.error(), layer->file());
    }
  }
  return true;
}

const Checker* CheckerOf(const Image& image,
                         const instar_proto_CheckConfig& config) {
  const Checker* checker = FindChecker(image.facts().format);
  if (checker == nullptr || (IsOwnChecker(*checker) && !config.own_checks)) {
    return nullptr;
  }
  return checker;
}

bool CheckImage(Context& context, const Checker& checker, const Image& image,
                Opener& opener) {
  const uint64_t mark = context.arena.Mark();
  Problems problems(context.config->operation.check);
  const Result<CheckResult> result =
      checker.check(context.arena, image.file(), opener, problems);
  if (!result.ok()) {
    return Failed(result.error(), image.file());
  }
  if (result.value().error != 0) {
    return Failed({.fault = Fault::kErrno, .error = result.value().error},
                  image.file(), instar_proto_Stage_STAGE_CHECK);
  }
  ReportCheck(result.value(), image);
  context.arena.Rewind(mark);
  return true;
}

// The result is null after a report.
Image* Open(Context& context, Opener& opener) {
  const instar_proto_Source& source = context.config->operation.check.source;
  const Result<File*> file = SlotFile::AtBoot(context.arena, source.slot);
  INSTAR_CHECK(file.ok());
  ChainFailure failure;
  OpenOptions options = OpenOptionsOf(context, source);
  options.for_check = true;
  const Result<Image*> image =
      OpenChain(context.arena, *file.value(), ViewOf(source.format),
                ViewOf(source.filename), opener, options, failure);
  if (!image.ok()) {
    Failed(image.error(), *failure.file);
    return nullptr;
  }
  return ClaimChain(image.value()) ? image.value() : nullptr;
}

}  // namespace

bool RunOperation(Context& context) {
  const instar_proto_CheckConfig& config = context.config->operation.check;
  HostOpener opener(context.arena);
  const Image* image = Open(context, opener);
  if (image == nullptr) {
    return false;
  }
  const Checker* checker = CheckerOf(*image, config);
  if (checker == nullptr) {
    return Failed({.fault = Fault::kNoChecker}, image->file(),
                  instar_proto_Stage_STAGE_CHECK);
  }
  for (uint32_t depth = 0; depth <= kMaxChainDepth; ++depth) {
    // What cannot be checked further down is left out.
    if (checker != nullptr && !CheckImage(context, *checker, *image, opener)) {
      return false;
    }
    image = config.backing_chain ? image->backing() : nullptr;
    if (image == nullptr) {
      break;
    }
    checker = CheckerOf(*image, config);
  }
  return true;
}

}  // namespace instar::guest
