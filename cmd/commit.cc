// `commit`: writes an overlay into an image below it.
#include <unistd.h>

#include <optional>
#include <string>

#include "cmd/cache_mode.h"
#include "cmd/changed_image.h"
#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/opening_repair.h"
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
  // One try, which leaves what went wrong in error_ and dirty_.
  bool RunGuest(const ImageSource& image, const vmm::Outputs& outputs,
                Progress& progress);
  // Finds which layer the guest says must be repaired first.
  void FindDirty(const Session& session, const vmm::Files& files);
  bool Repair(const ImageSource& image, const vmm::Outputs& outputs);
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
  std::string error_;
  // In the order in which the guest looks at them.
  enum class Dirty : uint8_t { kNone, kTop, kBase } dirty_ = Dirty::kNone;
  std::string base_path_;  // of a base that is dirty
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

// A base is one only if the host has let the guest write to it.
void Commit::FindDirty(const Session& session, const vmm::Files& files) {
  dirty_ = Dirty::kNone;
  const auto& failure = session.failure();
  if (!failure || failure->fault() != proto::FAULT_NEEDS_REPAIR ||
      failure->slot() >= files.size())
    return;
  const uint32_t slot = failure->slot();
  const int role = files.origin(slot).role;
  if (role == proto::ROLE_TARGET) {
    dirty_ = Dirty::kTop;
  } else if (role == proto::ROLE_BACKING &&
             (files.info(slot).flags & abi::kSlotWritable) != 0) {
    dirty_ = Dirty::kBase;
    base_path_ = files.path(slot);
  }
}

// qemu-img says nothing of the base, which it writes to as it is.
bool Commit::Repair(const ImageSource& image, const vmm::Outputs& outputs) {
  constexpr auto kCommit = compat::CommandKind::kCommit;
  if (dirty_ == Dirty::kBase)
    return RepairLayer(environment_, base_path_, outputs.cache, kCommit,
                       error_);
  vmm::Files files(environment_.policy, outputs);
  Session session(environment_, files, kCommit);
  session.target_path = image.name;
  session.error_text = &error_;
  return RepairBeforeChange(environment_, files,
                            MakeConfig(image, MakeLimits()), session);
}

bool Commit::RunGuest(const ImageSource& image, const vmm::Outputs& outputs,
                      Progress& progress) {
  vmm::Files files(environment_.policy, outputs);
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
  session.error_text = &error_;
  session.repairs = false;
  const vmm::Limits limits = MakeLimits();
  const bool done = session.Run({image_commit_begin, image_commit_end},
                                MakeConfig(image, limits), limits);
  if (done)
    progress.Complete();
  else
    FindDirty(session, files);
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
  Progress progress(progress_ && !quiet_, kProgressStep);
  bool done = RunGuest(*image, outputs, progress);
  // With files that are opened anew: those of a try hold locks on the base.
  for (Dirty last = Dirty::kNone;
       !done && dirty_ > last && Repair(*image, outputs);) {
    last = dirty_;
    done = RunGuest(*image, outputs, progress);
  }
  if (!done)
    PrintError(environment_, error_);
  return done;
}

}  // namespace

int RunCommit(const Environment& environment, const Arguments& arguments) {
  return Commit(environment).Run(arguments);
}

}  // namespace instar::cmd
