// `commit`: writes an overlay into an image below it.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <span>
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
#include "compat/usage.h"

extern "C" {
extern const uint8_t image_commit_begin[];
extern const uint8_t image_commit_end[];
extern const uint8_t image_commit_more_begin[];
extern const uint8_t image_commit_more_end[];
extern const uint8_t image_commit_rest_begin[];
extern const uint8_t image_commit_rest_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestMemoryBytes = 320 << 20;
constexpr uint32_t kMaxMovers = 4;
constexpr uint32_t kThrottledStallSeconds = 24 * 3600;
constexpr float kProgressStep = 1;

// Each writes other formats; the first one knows which it is only when it has
// opened the image.
std::span<const uint8_t> GuestAt(size_t index) {
  switch (index) {
    case 0:
      return {image_commit_begin, image_commit_end};
    case 1:
      return {image_commit_more_begin, image_commit_more_end};
    default:
      return {image_commit_rest_begin, image_commit_rest_end};
  }
}
constexpr size_t kGuests = 3;

class Commit {
 public:
  explicit Commit(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    if (const auto status = Parse(arguments))
      return *status;
    const auto cache = ParseCacheMode(cache_);
    if (!cache)
      return PrintError(environment_, "Invalid cache option: " + cache_);
    const int status = Move(*cache);
    if (status == 0 && !quiet_)
      WriteAll(STDOUT_FILENO, "Image committed.\n");
    return status;
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> Parse(const Arguments& arguments);
  std::optional<int> ParseOne(const compat::ParsedOption& option);

  int Move(vmm::CacheMode cache);
  bool RunGuest(const ImageSource& image, const vmm::Outputs& outputs,
                Progress& progress, size_t guest, bool& needs_more);
  vmm::Limits MakeLimits() const;
  proto::Config MakeConfig(const ImageSource& image,
                           const vmm::Limits& limits) const;

  const Environment& environment_;
  std::string filename_;
  std::optional<std::string> format_;
  std::optional<std::string> base_;
  std::string cache_ = "writeback";
  uint64_t rate_limit_ = 0;  // bytes a second; 0: none
  bool drop_ = false;
  bool progress_ = false;
  bool quiet_ = false;
  bool image_opts_ = false;
};

std::optional<int> Commit::ParseOne(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kHelp):
      return PrintCommandHelp(environment_, "commit");
    case static_cast<int>(Opt::kFormat):
      format_ = option.value;
      break;
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
    case static_cast<int>(Opt::kImageOpts):
      image_opts_ = true;
      break;
    case static_cast<int>(Opt::kObject):
      return RefuseObject(environment_);
    default:
      break;
  }
  return std::nullopt;
}

std::optional<int> Commit::Parse(const Arguments& arguments) {
  compat::OptionReader reader(environment_.names, environment_.profile,
                              "commit", arguments);
  while (const auto option = reader.Next()) {
    if (const auto status = ParseOne(*option))
      return status;
  }
  if (reader.failed())
    return Complain(reader.error());
  if (reader.operands().size() != 1) {
    return Complain(compat::UsageError(environment_.names, environment_.profile,
                                       "commit",
                                       "Expecting one image file name"));
  }
  filename_ = reader.operands().front();
  return std::nullopt;
}

vmm::Limits Commit::MakeLimits() const {
  vmm::Limits limits =
      LimitsForWorkers(environment_, kGuestMemoryBytes, kMaxMovers);
  // The guest waits while the throttle does.
  if (rate_limit_ != 0)
    limits.stall_seconds =
        std::max(limits.stall_seconds, kThrottledStallSeconds);
  return limits;
}

proto::Config Commit::MakeConfig(const ImageSource& image,
                                 const vmm::Limits& limits) const {
  proto::Config config;
  proto::CommitConfig& commit = *config.mutable_commit();
  image.Describe(0, *commit.mutable_image());
  // An overlay above others than the base shows them still.
  commit.set_keeps_top(drop_ || base_.has_value());
  commit.set_num_workers(limits.num_vcpus);
  proto::CreateTarget identity;
  FillIdentity(image.options.path, identity);
  commit.set_random(identity.random());
  return config;
}

// `needs_more`: the base is of a format that another guest writes.
bool Commit::RunGuest(const ImageSource& image, const vmm::Outputs& outputs,
                      Progress& progress, size_t guest, bool& needs_more) {
  vmm::Files files(environment_.policy, outputs);
  Session session(environment_, files, compat::CommandKind::kCommit);
  session.target_path = image.name;
  session.layers.base = base_.value_or("");
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_image() && guest == 0)
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
  const bool done =
      session.Run(GuestAt(guest), MakeConfig(image, limits), limits);
  const auto& failure = session.failure();
  needs_more = !done && guest + 1 < kGuests && failure &&
               failure->fault() == proto::FAULT_COMMIT_OTHER_GUEST;
  if (!done && !needs_more)
    PrintError(environment_, error);
  return done;
}

int Commit::Move(vmm::CacheMode cache) {
  Progress progress(progress_ && !quiet_, kProgressStep);
  const auto image =
      ReadSource(environment_, filename_, format_, image_opts_, false);
  if (!image)
    return 1;
  vmm::Outputs outputs = OutputsFor(*image, cache);
  outputs.data_file = FindDataFile(environment_, *image);
  outputs.commits = true;
  outputs.base = base_;
  bool needs_more = true;
  bool done = false;
  for (size_t guest = 0; needs_more; ++guest)
    done = RunGuest(*image, outputs, progress, guest, needs_more);
  if (!done)
    return 1;
  progress.Complete();
  return 0;
}

}  // namespace

int RunCommit(const Environment& environment, const Arguments& arguments) {
  return Commit(environment).Run(arguments);
}

}  // namespace instar::cmd
