// `check`: whether an image's metadata is as it should be.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cmd/cache_mode.h"
#include "cmd/image_call.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/check_json.h"
#include "compat/check_text.h"
#include "compat/filename.h"
#include "compat/options.h"
#include "compat/target_options.h"

extern "C" {
extern const uint8_t image_check_begin[];
extern const uint8_t image_check_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

// Room to count the references of a hundred million clusters at a time; what
// is not needed is never touched.
constexpr uint64_t kGuestMemoryBytes = 224 << 20;

enum ExitStatus : int {
  kClean = 0,
  kFailed = 1,
  kCorruptions = 2,
  kLeaks = 3,
  kNoChecker = 63,
};

class Check {
 public:
  explicit Check(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    const auto status = ReadImageCall(
        environment_, "check", arguments, call_,
        [this](const compat::ParsedOption& option) { return ReadOwn(option); });
    if (status)
      return *status;
    const auto refused = CheckOptions();
    return refused ? *refused : CheckImages();
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> ReadOwn(const compat::ParsedOption& option);
  std::optional<int> CheckOptions();
  int CheckImages();
  void Add(const proto::CheckResult& result, const vmm::Files& files);
  bool Print() const;
  int Verdict() const;

  const Environment& environment_;
  ImageCall call_;
  std::string cache_ = "writeback";
  vmm::CacheMode cache_mode_ = vmm::CacheMode::kWriteback;
  bool repair_ = false;
  bool quiet_ = false;
  bool chain_ = false;
  std::vector<compat::CheckedImage> images_;
};

std::optional<int> Check::ReadOwn(const compat::ParsedOption& option) {
  if (option.opt == Opt::kRepair) {
    repair_ = true;
    if (option.value != "leaks" && option.value != "all") {
      return Complain(compat::RepairError(
          environment_.names, environment_.profile, "check", option.value));
    }
  }
  if (option.opt == Opt::kSourceCache)
    cache_ = option.value;
  quiet_ |= option.opt == Opt::kQuiet;
  chain_ |= option.opt == Opt::kChain;
  return std::nullopt;
}

std::optional<int> Check::CheckOptions() {
  const auto cache_mode = ParseCacheMode(cache_);
  if (!cache_mode)
    return PrintError(environment_, "Invalid source cache option: " + cache_);
  cache_mode_ = *cache_mode;
  if (repair_ && call_.force_share) {
    return PrintError(environment_,
                      "Could not open '" + call_.filename +
                          "': force-share=on can only be used with read-only "
                          "images");
  }
  if (repair_)
    return PrintError(environment_, compat::Unsupported("check -r"));
  return std::nullopt;
}

void Check::Add(const proto::CheckResult& result, const vmm::Files& files) {
  // The guest's word for a slot need not be true.
  if (result.slot() >= files.size() || images_.size() >= abi::kMaxSlots)
    return;
  // The image on the command line is called what it was called there.
  const std::string& path = files.path(result.slot());
  images_.push_back({images_.empty()
                         ? call_.filename
                         : std::string(compat::ParseImageName(path).path),
                     result});
}

int Check::CheckImages() {
  const auto source = ReadSource(environment_, call_);
  if (!source)
    return kFailed;
  vmm::Policy policy = environment_.policy;
  policy.force_share = call_.force_share || source->options.force_share;
  vmm::Files files(policy, vmm::Outputs{});
  const auto slot = source->Open(files, cache_mode_);
  if (!slot)
    return PrintOpenError(environment_, files, source->name);

  proto::Config config;
  proto::CheckConfig& check = *config.mutable_check();
  source->Describe(*slot, *check.mutable_source());
  check.set_backing_chain(chain_);
  check.set_reserved_bits(environment_.profile.check_reads_reserved_bits);
  check.set_own_checks(environment_.profile.has_own_features);
  check.set_parallels(environment_.profile.check_parallels);

  Session session(environment_, files, compat::CommandKind::kCheck);
  session.shown_names[*slot] = source->name;
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_problem()) {
      WriteAll(STDERR_FILENO,
               compat::ProblemText(environment_.names, finding.problem()));
    } else if (finding.has_check()) {
      Add(finding.check(), files);
    }
  };
  vmm::Limits limits = LimitsFor(environment_, kGuestMemoryBytes);
  limits.findings_bytes = 0;
  if (!session.Run({image_check_begin, image_check_end}, config, limits)) {
    const bool no_checker = session.failure() && session.failure()->fault() ==
                                                     proto::FAULT_NO_CHECKER;
    return no_checker ? kNoChecker : kFailed;
  }
  if (images_.empty()) {
    return PrintError(environment_,
                      "guest broke a rule: what it reported makes no sense");
  }
  if (!quiet_ && !Print())
    return kFailed;
  return Verdict();
}

bool Check::Print() const {
  if (call_.output == "json") {
    return WriteAll(STDOUT_FILENO, chain_ ? compat::CheckChainJson(images_)
                                          : compat::CheckJson(images_.front()));
  }
  std::string text;
  for (const compat::CheckedImage& image : images_) {
    if (chain_)
      text += (text.empty() ? "image: " : "\nimage: ") + image.filename + '\n';
    text += compat::CheckText(image.result);
  }
  return WriteAll(STDOUT_FILENO, text);
}

// The worst of all images.
int Check::Verdict() const {
  const auto any = [&](uint64_t (proto::CheckResult::*count)() const) {
    return std::ranges::any_of(images_, [&](const compat::CheckedImage& image) {
      return (image.result.*count)() != 0;
    });
  };
  if (any(&proto::CheckResult::check_errors))
    return PrintError(environment_, "Check failed");
  if (any(&proto::CheckResult::corruptions))
    return kCorruptions;
  return any(&proto::CheckResult::leaks) ? kLeaks : kClean;
}

}  // namespace

int RunCheck(const Environment& environment, const Arguments& arguments) {
  return Check(environment).Run(arguments);
}

}  // namespace instar::cmd
