// `commit`: writes an overlay into an image below it.
#include <unistd.h>

#include <optional>
#include <string>

#include "cmd/cache_mode.h"
#include "cmd/changed_image.h"
#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/progress.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "cmd/throttle.h"
#include "compat/options.h"

extern "C" {
extern const uint8_t image_commit_begin[];
extern const uint8_t image_commit_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestMemoryBytes = 320 << 20;
constexpr uint32_t kMaxMovers = 4;
constexpr float kProgressStep = 1;

class Commit {
 public:
  explicit Commit(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    const auto status = ReadImageCall(
        environment_, "commit", arguments, call_,
        [&](const compat::ParsedOption& option) { return ReadOwn(option); });
    if (status)
      return *status;
    const auto cache = ParseCacheMode(cache_);
    if (!cache)
      return PrintError(environment_, "Invalid cache option: " + cache_);
    if (!Move(*cache))
      return 1;
    if (!quiet_)
      WriteAll(STDOUT_FILENO, "Image committed.\n");
    return 0;
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> ReadOwn(const compat::ParsedOption& option);

  bool Move(vmm::CacheMode cache);
  bool RunGuest(const ImageSource& image, vmm::Files& files);
  vmm::Limits MakeLimits() const;
  proto::Config MakeConfig(const ImageSource& image,
                           const vmm::Limits& limits) const;

  const Environment& environment_;
  ImageCall call_;
  std::optional<std::string> base_;
  std::string cache_ = "writeback";
  uint64_t rate_limit_ = 0;  // bytes a second; 0: none
  bool drop_ = false;
  bool progress_ = false;
  bool quiet_ = false;
};

std::optional<int> Commit::ReadOwn(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kCache):
      cache_ = option.value;
      break;
    case static_cast<int>(Opt::kBase):
      base_ = option.value;
      break;
    case static_cast<int>(Opt::kDrop):
      drop_ = true;
      break;
    case static_cast<int>(Opt::kProgress):
      progress_ = true;
      break;
    case static_cast<int>(Opt::kQuiet):
      quiet_ = true;
      break;
    case static_cast<int>(Opt::kRateLimit): {
      const auto rate = ReadBytes(environment_, "rate limit", option.value);
      if (!rate)
        return 1;
      rate_limit_ = *rate;
      break;
    }
    default:
      break;
  }
  return std::nullopt;
}

vmm::Limits Commit::MakeLimits() const {
  vmm::Limits limits =
      LimitsForWorkers(environment_, kGuestMemoryBytes, kMaxMovers);
  AllowThrottling(rate_limit_, limits);
  return limits;
}

proto::Config Commit::MakeConfig(const ImageSource& image,
                                 const vmm::Limits& limits) const {
  proto::Config config;
  proto::CommitConfig& commit = *config.mutable_commit();
  image.Describe(0, *commit.mutable_image());
  // An overlay above others than the base shows them still.
  commit.set_keeps_top(drop_ || base_.has_value());
  commit.set_names_base(base_.has_value());
  commit.set_num_workers(limits.num_vcpus);
  proto::CreateTarget identity;
  FillIdentity(image.options.path, identity);
  commit.set_random(identity.random());
  return config;
}

bool Commit::RunGuest(const ImageSource& image, vmm::Files& files) {
  Progress progress(progress_ && !quiet_, kProgressStep);
  Session session(environment_, files, compat::CommandKind::kCommit);
  session.target_path = image.name;
  session.layers.base = base_.value_or("");
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_image())
      WarnOfGuessedRaw(image, finding.image());
  };
  const Throttle throttle(rate_limit_);
  session.on_progress = [&](uint64_t done, uint64_t all) {
    progress.Update(done, all);
    throttle.Wait(done);
  };
  std::string error;
  session.error_text = &error;
  const vmm::Limits limits = MakeLimits();
  const bool done = session.Run({image_commit_begin, image_commit_end},
                                MakeConfig(image, limits), limits);
  if (done)
    progress.Complete();
  else
    PrintError(environment_, error);
  return done;
}

bool Commit::Move(vmm::CacheMode cache) {
  const auto image = ReadSource(environment_, call_.filename, call_.format,
                                call_.image_opts, false);
  if (!image)
    return false;
  vmm::Outputs outputs = OutputsFor(*image, cache);
  outputs.data_file = FindDataFile(environment_, *image);
  outputs.commits = true;
  outputs.writes_back = true;
  outputs.base = base_;
  vmm::Files files(environment_.policy, outputs);
  return RunGuest(*image, files);
}

}  // namespace

int RunCommit(const Environment& environment, const Arguments& arguments) {
  return Commit(environment).Run(arguments);
}

}  // namespace instar::cmd
