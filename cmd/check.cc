// `check`: whether an image's metadata is as it should be.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
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
#include "vmm/policy.h"

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

// Formats that are repaired; the others are checked at most.
constexpr std::string_view kRepaired[] = {"parallels", "qcow2", "qed", "vhdx"};

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
    const auto source = ReadSource(environment_, call_);
    if (!source)
      return kFailed;
    if (repair_)
      return chain_ ? RepairChain(*source) : RepairImage(*source);
    return CheckImages(*source);
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> ReadOwn(const compat::ParsedOption& option);
  std::optional<int> CheckOptions();
  int CheckImages(const ImageSource& source);
  // Reads what there is to know of the image and, with --chain, of those below
  // it. The exit status where that failed.
  std::optional<int> ReadImages(const ImageSource& source);
  int RepairImage(const ImageSource& source);
  int RepairChain(const ImageSource& source);
  // Mends one image and puts what that came to in images_; the exit status
  // where that failed.
  std::optional<int> Mend(const ImageSource& source, const vmm::Policy& policy,
                          bool is_reference);
  void TakeMended();
  // False after a message, or where there is no checker.
  bool RunGuest(Session& session, std::span<const uint8_t> guest,
                const proto::Config& config, uint64_t memory_bytes,
                const vmm::Files& files);
  // The exit status where a guest has not done what it was asked.
  static int FailureStatus(const Session& session);
  int Conclude() const;
  std::string TextOf(const compat::CheckedImage& image) const;
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
  bool is_silent_ = false;
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

std::optional<int> Check::ReadImages(const ImageSource& source) {
  vmm::Policy policy = environment_.policy;
  policy.force_share = call_.force_share || source.options.force_share;
  vmm::Files files(policy, vmm::Outputs{});
  const auto slot = source.Open(files, cache_mode_);
  if (!slot)
    return PrintOpenError(environment_, files, source.name);

  proto::Config config;
  proto::CheckConfig& check = *config.mutable_check();
  source.Describe(*slot, *check.mutable_source());
  check.set_backing_chain(chain_);
  check.set_reserved_bits(environment_.profile.check_reads_reserved_bits);
  check.set_own_checks(environment_.profile.has_own_features);
  check.set_parallels(environment_.profile.check_parallels);

  Session session(environment_, files, compat::CommandKind::kCheck);
  session.shown_names[*slot] = source.name;
  if (!RunGuest(session, {image_check_begin, image_check_end}, config,
                kGuestMemoryBytes, files))
    return FailureStatus(session);
  return std::nullopt;
}

int Check::CheckImages(const ImageSource& source) {
  const auto failed = ReadImages(source);
  return failed ? *failed : Conclude();
}

int Check::RepairImage(const ImageSource& source) {
  const auto failed = Mend(source, environment_.policy, false);
  return failed ? *failed : Conclude();
}

// From the lowest layer up, so that what an image lies on is sound before it is
// mended itself. What cannot be mended is checked.
int Check::RepairChain(const ImageSource& source) {
  is_silent_ = true;  // what is wrong is told when it is mended
  if (const auto failed = ReadImages(source))
    return *failed;
  is_silent_ = false;
  std::vector<compat::CheckedImage> layers = std::move(images_);
  // The user means these files by the word --chain, and by no name: they are
  // changed where they may be read, too.
  vmm::Policy policy = environment_.policy;
  policy.allowed.emplace_back(vmm::DirectoryOf(source.options.path));
  bool is_done = true;
  for (size_t i = layers.size(); i-- > 0;) {
    ImageSource layer = source;
    if (i != 0) {
      layer = {.name = layers[i].filename, .options = {}, .problem = {}};
      layer.options.path = layers[i].filename;
      layer.options.format = layers[i].result.format();
    }
    images_.clear();
    const bool can_be_mended =
        std::ranges::find(kRepaired, layers[i].result.format()) !=
        std::end(kRepaired);
    if (can_be_mended) {
      is_done &= !Mend(layer, policy, i != 0);
      if (images_.empty())
        continue;
      layers[i].result = images_.front().result;
    }
    if (!quiet_ && call_.output != "json") {
      is_done &= WriteAll(STDOUT_FILENO, (i + 1 == layers.size() ? "" : "\n") +
                                             TextOf(layers[i]));
    }
  }
  images_ = std::move(layers);
  if (!quiet_ && call_.output == "json")
    is_done &= Print();
  const int verdict = Verdict();
  return is_done ? verdict : kFailed;
}

std::optional<int> Check::Mend(const ImageSource& source,
                               const vmm::Policy& policy, bool is_reference) {
  vmm::Outputs outputs = OutputsFor(source, cache_mode_);
  outputs.target_is_reference = is_reference;
  vmm::Files files(policy, outputs);
  proto::Config config;
  proto::RepairConfig& repair = *config.mutable_repair();
  source.Describe(0, *repair.mutable_image());
  repair.set_leaks(true);
  repair.set_errors(repairs_errors_);
  repair.set_reserved_bits(environment_.profile.check_reads_reserved_bits);
  repair.set_parallels(environment_.profile.check_parallels);

  Session session(environment_, files, compat::CommandKind::kCheck);
  session.target_path = source.name;
  session.shown_names[0] = source.name;
  const bool is_done =
      RunGuest(session, RepairGuest(), config, kRepairGuestBytes, files);
  if (!images_.empty())
    TakeMended();
  if (!is_done)
    return FailureStatus(session);
  return std::nullopt;
}

// What was mended comes first, and the check behind it.
void Check::TakeMended() {
  proto::CheckResult& mended = images_.front().result;
  const bool was_mended =
      mended.corruptions_fixed() != 0 || mended.leaks_fixed() != 0;
  if (was_mended && !quiet_ && !chain_ && call_.output != "json")
    WriteAll(STDOUT_FILENO, compat::RepairText(mended));
  if (was_mended && images_.size() > 1) {
    proto::CheckResult& checked = images_.back().result;
    checked.set_corruptions_fixed(mended.corruptions_fixed());
    checked.set_leaks_fixed(mended.leaks_fixed());
    images_.back().filename = images_.front().filename;
    images_.erase(images_.begin(), images_.end() - 1);
  }
}

bool Check::RunGuest(Session& session, std::span<const uint8_t> guest,
                     const proto::Config& config, uint64_t memory_bytes,
                     const vmm::Files& files) {
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_problem()) {
      if (is_silent_)
        return;
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

std::string Check::TextOf(const compat::CheckedImage& image) const {
  if (!chain_)
    return compat::CheckText(image.result);
  const proto::CheckResult& result = image.result;
  const bool was_mended =
      result.corruptions_fixed() != 0 || result.leaks_fixed() != 0;
  return "image: " + image.filename + '\n' +
         (was_mended ? compat::RepairText(result) : std::string()) +
         compat::CheckText(result);
}

bool Check::Print() const {
  if (call_.output == "json") {
    return WriteAll(STDOUT_FILENO, chain_ ? compat::CheckChainJson(images_)
                                          : compat::CheckJson(images_.front()));
  }
  std::string text;
  for (const compat::CheckedImage& image : images_)
    text += (text.empty() ? "" : "\n") + TextOf(image);
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
