// `check`: whether an image's metadata is as it should be.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cmd/cache_mode.h"
#include "cmd/changed_image.h"
#include "cmd/image_call.h"
#include "cmd/opening_repair.h"
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
    if (refused)
      return *refused;
    return repair_ ? RepairImage() : CheckImages();
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> ReadOwn(const compat::ParsedOption& option);
  std::optional<int> CheckOptions();
  int CheckImages();
  int RepairImage();
  // False after a message, or where there is no checker.
  bool RunGuest(Session& session, std::span<const uint8_t> guest,
                const proto::Config& config, uint64_t memory_bytes,
                const vmm::Files& files);
  // The exit status where a guest has not done what it was asked.
  static int FailureStatus(const Session& session);
  int Conclude() const;
  void Add(const proto::CheckResult& result, const vmm::Files& files);
  bool Print() const;
  int Verdict() const;

  const Environment& environment_;
  ImageCall call_;
  std::string cache_ = "writeback";
  vmm::CacheMode cache_mode_ = vmm::CacheMode::kWriteback;
  bool repair_ = false;
  bool repairs_errors_ = false;
  bool quiet_ = false;
  bool chain_ = false;
  std::vector<compat::CheckedImage> images_;
};

std::optional<int> Check::ReadOwn(const compat::ParsedOption& option) {
  if (option.opt == Opt::kRepair) {
    repair_ = true;
    repairs_errors_ = option.value == "all";
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
    return PrintError(environment_, compat::SharedWriteError(call_.filename));
  }
  if (repair_ && chain_)
    return PrintError(environment_, compat::Unsupported("check -r --chain"));
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
  if (!RunGuest(session, {image_check_begin, image_check_end}, config,
                kGuestMemoryBytes, files))
    return FailureStatus(session);
  return Conclude();
}

int Check::RepairImage() {
  const auto source = ReadSource(environment_, call_);
  if (!source)
    return kFailed;
  vmm::Files files(environment_.policy, OutputsFor(*source, cache_mode_));
  proto::Config config;
  proto::RepairConfig& repair = *config.mutable_repair();
  source->Describe(0, *repair.mutable_image());
  repair.set_leaks(true);
  repair.set_errors(repairs_errors_);
  repair.set_reserved_bits(environment_.profile.check_reads_reserved_bits);
  repair.set_parallels(environment_.profile.check_parallels);

  Session session(environment_, files, compat::CommandKind::kCheck);
  session.target_path = source->name;
  session.shown_names[0] = source->name;
  const bool is_done =
      RunGuest(session, RepairGuest(), config, kRepairGuestBytes, files);
  // What was mended comes first, and the check behind it.
  if (!images_.empty()) {
    proto::CheckResult& mended = images_.front().result;
    const bool was_mended =
        mended.corruptions_fixed() != 0 || mended.leaks_fixed() != 0;
    if (was_mended && !quiet_ && call_.output != "json")
      WriteAll(STDOUT_FILENO, compat::RepairText(mended));
    if (was_mended && images_.size() > 1) {
      proto::CheckResult& checked = images_.back().result;
      checked.set_corruptions_fixed(mended.corruptions_fixed());
      checked.set_leaks_fixed(mended.leaks_fixed());
      images_.back().filename = images_.front().filename;
      images_.erase(images_.begin(), images_.end() - 1);
    }
  }
  return is_done ? Conclude() : FailureStatus(session);
}

bool Check::RunGuest(Session& session, std::span<const uint8_t> guest,
                     const proto::Config& config, uint64_t memory_bytes,
                     const vmm::Files& files) {
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_problem()) {
      WriteAll(STDERR_FILENO,
               compat::ProblemText(environment_.names, environment_.profile,
                                   finding.problem()));
    } else if (finding.has_check()) {
      Add(finding.check(), files);
    }
  };
  vmm::Limits limits = LimitsFor(environment_, memory_bytes);
  limits.findings_bytes = 0;
  return session.Run(guest, config, limits);
}

int Check::FailureStatus(const Session& session) {
  const bool no_checker = session.failure() &&
                          session.failure()->fault() == proto::FAULT_NO_CHECKER;
  return no_checker ? kNoChecker : kFailed;
}

int Check::Conclude() const {
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
