// `compare`: whether two images hold the same.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>

#include "cmd/cache_mode.h"
#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/progress.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/compare_text.h"
#include "compat/help.h"
#include "compat/options.h"

extern "C" {
extern const uint8_t image_compare_begin[];
extern const uint8_t image_compare_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestMemoryBytes = 512 << 20;
constexpr uint32_t kMaxWorkers = 4;
constexpr float kProgressStep = 2.0F;

// Exit statuses besides 0 and 1, which say whether the images are equal.
constexpr int kCannotOpen = 2;
constexpr int kNoStatus = 3;
constexpr int kCannotRead = 4;

int StatusOf(const std::optional<proto::Failure>& failure) {
  if (failure && failure->stage() == proto::STAGE_STATUS)
    return kNoStatus;
  if (failure && failure->stage() == proto::STAGE_READ)
    return kCannotRead;
  return kCannotOpen;
}

class Compare {
 public:
  explicit Compare(const Environment& environment)
      : environment_(environment) {}

  int Run(const Arguments& arguments);

 private:
  // The exit status, if the command ends here.
  std::optional<int> Parse(const Arguments& arguments);
  std::optional<int> ParseOne(const compat::ParsedOption& option);

  int OpenBoth(vmm::CacheMode cache);
  int RunGuest(vmm::Files& files, const ImageSource& first,
               const ImageSource* second);
  void Tell(const proto::CompareResult& result) const;
  void ShowProgress(uint64_t done, uint64_t all);

  const Environment& environment_;
  std::string filenames_[2];
  std::optional<std::string> formats_[2];
  std::string cache_ = "writeback";
  bool show_progress_ = false;
  bool quiet_ = false;
  bool strict_ = false;
  bool force_share_ = false;
  bool image_opts_ = false;

  std::optional<Progress> progress_;
  std::optional<proto::CompareResult> result_;
};

std::optional<int> Compare::ParseOne(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kHelp):
      return PrintCommandHelp(environment_, "compare");
    case static_cast<int>(Opt::kFormat):
      formats_[0] = option.value;
      break;
    case static_cast<int>(Opt::kSecondFormat):
      formats_[1] = option.value;
      break;
    case static_cast<int>(Opt::kSourceCache):
      cache_ = option.value;
      break;
    case static_cast<int>(Opt::kProgress):
      show_progress_ = true;
      break;
    case static_cast<int>(Opt::kQuiet):
      quiet_ = true;
      break;
    case static_cast<int>(Opt::kStrict):
      strict_ = true;
      break;
    case static_cast<int>(Opt::kForceShare):
      force_share_ = true;
      break;
    case static_cast<int>(Opt::kImageOpts):
      image_opts_ = true;
      break;
    case static_cast<int>(Opt::kObject): {
      const int status = RefuseObject(environment_);
      return environment_.profile.compare_object_error_is_usual ? status
                                                                : kCannotOpen;
    }
    default:
      break;
  }
  return std::nullopt;
}

std::optional<int> Compare::Parse(const Arguments& arguments) {
  compat::OptionReader reader(environment_.names, environment_.profile,
                              "compare", arguments);
  while (const auto option = reader.Next()) {
    if (const auto status = ParseOne(*option))
      return status;
  }
  if (reader.failed())
    return Complain(reader.error());
  const Arguments operands = reader.operands();
  if (operands.size() != 2) {
    return Complain(compat::UsageError(environment_.names, environment_.profile,
                                       "compare",
                                       "Expecting two image file names"));
  }
  std::copy(operands.begin(), operands.end(), filenames_);
  return std::nullopt;
}

int Compare::Run(const Arguments& arguments) {
  if (const auto status = Parse(arguments))
    return *status;
  const auto cache = ParseCacheMode(cache_);
  if (!cache) {
    PrintError(environment_, "Invalid source cache option: " + cache_);
    return kCannotOpen;
  }
  show_progress_ = show_progress_ && !quiet_;
  // What -p shows begins when both images are open.
  if (!show_progress_)
    progress_.emplace(false, kProgressStep);
  const int status = OpenBoth(*cache);
  if (!progress_)
    WriteAll(STDOUT_FILENO, "\n");
  return status;
}

// Where the second image cannot be opened, the first is tried all the same:
// what is wrong with it is said first.
int Compare::OpenBoth(vmm::CacheMode cache) {
  const ImageSource first = FindSource(environment_, filenames_[0], formats_[0],
                                       image_opts_, force_share_);
  if (!PrintProblem(environment_, first))
    return kCannotOpen;
  const ImageSource second = FindSource(environment_, filenames_[1],
                                        formats_[1], image_opts_, force_share_);
  vmm::Policy policy = environment_.policy;
  policy.force_share = force_share_ || first.options.force_share;
  vmm::Files files(policy, vmm::Outputs{});
  if (!first.Open(files, cache)) {
    PrintOpenError(environment_, files, first.name);
    return kCannotOpen;
  }
  if (second.problem.empty() && second.Open(files, cache))
    return RunGuest(files, first, &second);
  const vmm::FileError error = files.error();
  if (const int status = RunGuest(files, first, nullptr))
    return status;
  if (PrintProblem(environment_, second))
    PrintOpenError(environment_, error, second.name);
  return kCannotOpen;
}

void Compare::ShowProgress(uint64_t done, uint64_t all) {
  if (!progress_)
    progress_.emplace(true, kProgressStep);
  progress_->Update(done, all);
}

void Compare::Tell(const proto::CompareResult& result) const {
  if (!quiet_)
    WriteAll(STDOUT_FILENO, compat::CompareText(result));
}

// Without `second` the first image is opened and nothing else. Returns the
// exit status.
int Compare::RunGuest(vmm::Files& files, const ImageSource& first,
                      const ImageSource* second) {
  const vmm::Limits limits =
      LimitsForWorkers(environment_, kGuestMemoryBytes, kMaxWorkers);
  proto::Config config;
  proto::CompareConfig& compare = *config.mutable_compare();
  first.Describe(0, *compare.mutable_a());
  if (second != nullptr)
    second->Describe(1, *compare.mutable_b());
  compare.set_strict(strict_);
  compare.set_compression_is_status(environment_.profile.map_shows_compressed);
  compare.set_num_workers(limits.num_vcpus);

  Session session(environment_, files, compat::CommandKind::kCompare);
  session.shown_names[0] = first.name;
  if (second != nullptr)
    session.shown_names[1] = second->name;
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_compare())
      result_ = finding.compare();
  };
  session.on_progress = [&](uint64_t done, uint64_t all) {
    ShowProgress(done, all);
  };
  const bool done =
      session.Run({image_compare_begin, image_compare_end}, config, limits);
  if (done && second == nullptr)
    return 0;
  if (done && !result_) {
    PrintError(environment_,
               "guest broke a rule: what it reported makes no sense");
    return kCannotOpen;
  }
  const bool equal = done && result_->comparison() == proto::COMPARISON_EQUAL;
  if (equal && progress_)
    progress_->Complete();
  if (result_)
    Tell(*result_);
  if (!done)
    return StatusOf(session.failure());
  return equal ? 0 : 1;
}

}  // namespace

int RunCompare(const Environment& environment, const Arguments& arguments) {
  return Compare(environment).Run(arguments);
}

}  // namespace instar::cmd
