// `rebase`: makes an image name another backing file.
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
#include "compat/create_options.h"
#include "compat/options.h"
#include "compat/usage.h"

extern "C" {
extern const uint8_t image_rebase_begin[];
extern const uint8_t image_rebase_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestMemoryBytes = 320 << 20;
constexpr uint32_t kMaxMovers = 4;
constexpr float kProgressStep = 2;
// proto/guest.options
constexpr size_t kMaxNameBytes = 4096;
constexpr size_t kMaxFormatBytes = 64;

class Rebase {
 public:
  explicit Rebase(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    const auto status = ReadImageCall(
        environment_, "rebase", arguments, call_,
        [&](const compat::ParsedOption& option) { return ReadOwn(option); });
    if (status)
      return *status;
    if (!unsafe_ && !backing_)
      return RefuseNoBacking();
    const auto cache = ParseCacheMode(cache_);
    if (!cache)
      return PrintError(environment_, "Invalid cache option: " + cache_);
    const auto backing_cache = ParseCacheMode(backing_cache_);
    if (!backing_cache) {
      return PrintError(environment_,
                        "Invalid source cache option: " + backing_cache_);
    }
    return Change(*cache, *backing_cache);
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> ReadOwn(const compat::ParsedOption& option);
  int RefuseNoBacking() const;

  bool HasBacking() const { return backing_ && !backing_->empty(); }
  // Images that qemu-img refuses may change.
  bool OwnFormats() const { return environment_.profile.has_own_features; }
  int Change(vmm::CacheMode cache, vmm::CacheMode backing_cache);
  // What the new backing file's name stands for.
  ImageSource FindBacking(const ImageSource& image) const;
  proto::Config MakeConfig(const ImageSource& image, const ImageSource& backing,
                           const vmm::Limits& limits) const;
  bool RunGuest(const ImageSource& image, const ImageSource& backing,
                vmm::Files& files);
  // Before 6.1 a missing format is told, and that is all.
  void WarnOfFormat(const Session& session, bool done) const;

  const Environment& environment_;
  ImageCall call_;
  std::optional<std::string> backing_;
  std::optional<std::string> backing_format_;
  std::string cache_ = "writeback";
  std::string backing_cache_ = "writeback";
  bool unsafe_ = false;
  bool packs_ = false;
  bool progress_ = false;
  bool quiet_ = false;
};

std::optional<int> Rebase::ReadOwn(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kBacking):
      backing_ = option.value;
      break;
    case static_cast<int>(Opt::kBackingFormat):
      backing_format_ = option.value;
      break;
    case static_cast<int>(Opt::kBackingUnsafe):
      unsafe_ = true;
      break;
    case static_cast<int>(Opt::kCache):
      cache_ = option.value;
      break;
    case static_cast<int>(Opt::kSourceCache):
      backing_cache_ = option.value;
      break;
    case static_cast<int>(Opt::kCompress):
      packs_ = true;
      break;
    case static_cast<int>(Opt::kProgress):
      progress_ = true;
      break;
    case static_cast<int>(Opt::kQuiet):
      quiet_ = true;
      break;
    default:
      break;
  }
  return std::nullopt;
}

int Rebase::RefuseNoBacking() const {
  return Complain(compat::UsageError(
      environment_.names, environment_.profile, "rebase",
      "Must specify backing file (-b) or use unsafe mode (-u)"));
}

ImageSource Rebase::FindBacking(const ImageSource& image) const {
  const bool is_read = !unsafe_ || OwnFormats();
  if (!HasBacking() || !is_read)
    return {};
  return FindSource(environment_,
                    vmm::ResolveReference(image.options.path, *backing_),
                    backing_format_, false, false);
}

proto::Config Rebase::MakeConfig(const ImageSource& image,
                                 const ImageSource& backing,
                                 const vmm::Limits& limits) const {
  proto::Config config;
  proto::RebaseConfig& rebase = *config.mutable_rebase();
  image.Describe(0, *rebase.mutable_image());
  rebase.set_is_unsafe(unsafe_);
  if (HasBacking()) {
    rebase.set_backing_file(backing_->substr(0, kMaxNameBytes));
    rebase.set_backing_format(
        backing_format_.value_or("").substr(0, kMaxFormatBytes));
    backing.Describe(0, *rebase.mutable_backing());
  }
  rebase.set_shares_backing(call_.force_share || backing.options.force_share);
  rebase.set_has_wrong_format(backing_format_ &&
                              compat::FindFormat(*backing_format_) == nullptr);
  rebase.set_needs_format(environment_.profile.backing_format_required);
  rebase.set_whole_units(environment_.profile.rebase_compares_whole_units);
  rebase.set_packs(packs_);
  rebase.set_own_formats(OwnFormats());
  rebase.set_num_workers(limits.num_vcpus);
  proto::CreateTarget identity;
  FillIdentity(image.options.path, identity);
  rebase.set_random(identity.random());
  return config;
}

void Rebase::WarnOfFormat(const Session& session, bool done) const {
  if (!HasBacking() || backing_format_ ||
      environment_.profile.backing_format_required)
    return;
  const auto& failure = session.failure();
  if (!done && (!failure || failure->stage() != proto::STAGE_REBASE_LINK))
    return;
  Complain(compat::WarningLine(
      environment_.names,
      "Deprecated use of backing file without explicit backing format, use of "
      "this image requires potentially unsafe format probing"));
}

bool Rebase::RunGuest(const ImageSource& image, const ImageSource& backing,
                      vmm::Files& files) {
  Progress progress(progress_ && !quiet_, kProgressStep);
  Session session(environment_, files, compat::CommandKind::kRebase);
  session.target_path = image.name;
  session.layers.backing_file = backing_.value_or("");
  session.layers.backing_format = backing_format_.value_or("");
  session.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_image())
      WarnOfGuessedRaw(image, finding.image());
  };
  session.on_progress = [&](uint64_t done, uint64_t all) {
    progress.Update(done, all);
  };
  std::string error;
  session.error_text = &error;
  const vmm::Limits limits =
      LimitsForWorkers(environment_, kGuestMemoryBytes, kMaxMovers);
  const bool done = session.Run({image_rebase_begin, image_rebase_end},
                                MakeConfig(image, backing, limits), limits);
  WarnOfFormat(session, done);
  if (done)
    progress.Complete();
  else
    PrintError(environment_, error);
  return done;
}

int Rebase::Change(vmm::CacheMode cache, vmm::CacheMode backing_cache) {
  // -U is about what is below.
  const auto image = ReadSource(environment_, call_.filename, call_.format,
                                call_.image_opts, false);
  if (!image)
    return 1;
  const ImageSource backing = FindBacking(*image);
  const bool has_format =
      !backing_format_ || compat::FindFormat(*backing_format_) != nullptr;
  if (!backing.problem.empty() && has_format && !unsafe_)
    return PrintError(environment_, backing.problem);
  vmm::Outputs outputs = OutputsFor(*image, cache);
  outputs.data_file = FindDataFile(environment_, *image);
  outputs.backing = backing.options.path;
  outputs.backing_cache = backing_cache;
  outputs.shares_layers = true;
  outputs.writes_back = true;
  vmm::Files files(environment_.policy, outputs);
  return RunGuest(*image, backing, files) ? 0 : 1;
}

}  // namespace

int RunRebase(const Environment& environment, const Arguments& arguments) {
  return Rebase(environment).Run(arguments);
}

}  // namespace instar::cmd
