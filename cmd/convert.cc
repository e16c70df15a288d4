// `convert`: one or more images, one after the other, into a new or an
// existing one.
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "cmd/bitmap_copy.h"
#include "cmd/cache_mode.h"
#include "cmd/convert_call.h"
#include "cmd/convert_stream.h"
#include "cmd/creation.h"
#include "cmd/existing_target.h"
#include "cmd/progress.h"
#include "cmd/session.h"
#include "cmd/snapshot_choice.h"
#include "cmd/source.h"
#include "cmd/throttle.h"
#include "compat/filename.h"
#include "compat/target_options.h"

namespace instar::cmd {
namespace {

// Reserved, and touched as it is used: what lies above 64 MiB is for clusters
// of 64 MiB that are 128 MiB packed, which only some formats have.
constexpr uint64_t kGuestMemoryBytes = 320 << 20;
constexpr uint32_t kMaxMovers = 4;  // more do not help where none packs
constexpr size_t kMaxSources = 16;  // proto/guest.options
constexpr uint64_t kSectorBytes = 512;
constexpr float kProgressStep = 1.0F;

class Convert {
 public:
  Convert(const Environment& environment, const ConvertCall& call)
      : environment_(environment),
        call_(call),
        format_(call.target_format.value_or("raw")) {}

  int Run();

 private:
  // Each returns why the command cannot be done, if it cannot.
  std::optional<std::string> CheckUnsupported() const;
  std::optional<std::string> PrepareTarget();
  std::optional<std::string> PrepareExisting();
  std::optional<std::string> PrepareNew();
  std::optional<std::string> CombineOptions(const compat::FormatRow& row,
                                            compat::CreateOptions& options);
  std::optional<std::string> CheckCompression(
      const compat::FormatRow& row, const compat::CreateOptions& options) const;
  // False, after a message: a source's file cannot be opened.
  bool OpenSources(vmm::Files& files, vmm::CacheMode cache) const;

  vmm::Outputs OutputsFor(vmm::CacheMode cache) const;
  proto::Config SourcesConfig() const;
  proto::Config MakeConfig(const vmm::Limits& limits) const;
  vmm::Limits MakeLimits() const;
  bool ReadSources(vmm::Files& files, bool with_snapshot) const;
  int RefuseTarget(vmm::Files& files, const std::string& why) const;
  int Refuse(vmm::Files& files, const std::string& why) const;
  bool TakesBitmaps() const;
  bool CheckBitmaps(vmm::Files& files) const;
  int Move(vmm::Files& files, Progress& progress);

  int Fail(const std::string& text) const {
    return PrintError(environment_, text);
  }
  // Whether clusters are packed: qemu-img packs what it converts to some
  // images, asked to or not.
  bool packs() const {
    return call_.compress ||
           target_.target.vmdk().subformat() == proto::VMDK_STREAM_OPTIMIZED;
  }
  std::string OutputPath() const {
    if (existing_)
      return existing_->image.options.path;
    return std::string(compat::ParseImageName(call_.output).path);
  }

  const Environment& environment_;
  const ConvertCall& call_;
  std::string format_;
  std::vector<ImageSource> sources_;
  std::optional<ExistingTarget> existing_;  // of -n
  compat::TargetOptions target_;
  std::optional<std::string> backing_;  // from -B or -o
};

std::optional<std::string> Convert::CheckUnsupported() const {
  if (call_.sources.size() > kMaxSources)
    return compat::Unsupported("More than 16 input images");
  return std::nullopt;
}

std::optional<std::string> Convert::PrepareExisting() {
  existing_ = FindExistingTarget(environment_, call_);
  if (!existing_->problem.empty())
    return existing_->problem;
  format_ = existing_->format;
  if (call_.compress && !compat::FindFormat(format_)->can_compress)
    return "Compression not supported for this file format";
  backing_ = call_.backing;
  target_.target.set_format(format_);
  return std::nullopt;
}

std::optional<std::string> Convert::CombineOptions(
    const compat::FormatRow& row, compat::CreateOptions& options) {
  const auto error = options.Parse(call_.option_list);
  PrintWarnings(environment_, options);
  if (error)
    return *error;
  if (call_.backing) {
    if (!options.Knows("backing_file")) {
      return "Backing file not supported for file format '" +
             std::string(row.name) + "'";
    }
    options.Set("backing_file", *call_.backing);
  }
  if (call_.backing_format) {
    if (!options.Knows("backing_fmt")) {
      return "Backing file format not supported for file format '" +
             std::string(row.name) + "'";
    }
    options.Set("backing_fmt", *call_.backing_format);
  }
  backing_ = options.Text("backing_file");
  if (!backing_)
    return std::nullopt;
  if (backing_->empty())
    return "Expected backing file name, got empty string";
  if (call_.sources.size() > 1) {
    return "Having a backing file for the target makes no sense when "
           "concatenating multiple input images";
  }
  if (!options.Text("backing_fmt")) {
    if (environment_.profile.backing_format_required)
      return "Use of backing file requires explicit backing format";
    WriteAll(STDERR_FILENO,
             compat::WarningLine(environment_.names,
                                 "Deprecated use of backing file without "
                                 "explicit backing format"));
  }
  return std::nullopt;
}

std::optional<std::string> Convert::CheckCompression(
    const compat::FormatRow& row, const compat::CreateOptions& options) const {
  if (!call_.compress)
    return std::nullopt;
  if (!row.can_compress)
    return "Compression not supported for this file format";
  if (options.Bool("encryption").value_or(false) ||
      options.Text("encrypt.format"))
    return "Compression and encryption not supported at the same time";
  if (options.Text("preallocation").value_or("off") != "off")
    return "Compression and preallocation not supported at the same time";
  return std::nullopt;
}

std::optional<std::string> Convert::PrepareNew() {
  const OutputFormat format = FindOutputFormat(format_, call_.output);
  if (format.row == nullptr)
    return format.error;
  compat::CreateOptions options(*format.row, environment_.profile);
  if (auto why = CombineOptions(*format.row, options))
    return why;
  if (auto why = CheckCompression(*format.row, options))
    return why;
  // The size is the sources' whatever was asked for.
  options.SetNumber("size", 0);
  target_ =
      compat::ReadTargetOptions(*format.row, options, environment_.profile);
  if (!target_.unsupported.empty())
    return target_.unsupported;
  return std::nullopt;
}

std::optional<std::string> Convert::PrepareTarget() {
  return call_.create ? PrepareNew() : PrepareExisting();
}

bool Convert::TakesBitmaps() const {
  constexpr uint32_t kFirstWithBitmaps = 3;
  const proto::Qcow2Options& qcow2 = target_.target.qcow2();
  return format_ == "qcow2" &&
         (!qcow2.has_version() || qcow2.version() >= kFirstWithBitmaps);
}

// Whether what the source has can be copied. False after a message.
bool Convert::CheckBitmaps(vmm::Files& files) const {
  if (call_.sources.size() > 1) {
    Refuse(files, "Copying bitmaps only possible with single source");
    return false;
  }
  // What is wrong with a snapshot comes first.
  if (call_.snapshot.is_set() && !ReadSources(files, true))
    return false;
  return BitmapCopy(environment_, call_, sources_.front()).Check(files);
}

bool Convert::OpenSources(vmm::Files& files, vmm::CacheMode cache) const {
  for (const ImageSource& source : sources_) {
    if (!source.Open(files, cache)) {
      PrintOpenError(environment_, files, source.name);
      return false;
    }
  }
  return true;
}

vmm::Outputs Convert::OutputsFor(vmm::CacheMode cache) const {
  vmm::Outputs outputs;
  outputs.target = OutputPath();
  outputs.create = call_.create;
  outputs.cache = existing_ ? existing_->image.CacheFor(cache) : cache;
  outputs.data_file =
      existing_ ? existing_->data_file : target_.target.qcow2().data_file();
  SetCreationModes(environment_, target_, outputs);
  if (backing_ && call_.create)
    outputs.backing = vmm::ResolveReference(outputs.target, *backing_);
  return outputs;
}

vmm::Limits Convert::MakeLimits() const {
  vmm::Limits limits = LimitsForWorkers(environment_, kGuestMemoryBytes,
                                        packs() ? abi::kMaxVcpus : kMaxMovers);
  AllowThrottling(call_.rate_limit, limits);
  return limits;
}

proto::Config Convert::SourcesConfig() const {
  proto::Config config;
  for (uint32_t slot = 0; slot < sources_.size(); ++slot)
    sources_[slot].Describe(slot, *config.mutable_convert()->add_sources());
  return config;
}

proto::Config Convert::MakeConfig(const vmm::Limits& limits) const {
  proto::Config config = SourcesConfig();
  proto::ConvertConfig& convert = *config.mutable_convert();
  *convert.mutable_target() = target_.target;
  FillIdentity(OutputPath(), *convert.mutable_target());
  convert.set_create(call_.create);
  if (existing_) {
    const compat::ImageOptions& options = existing_->image.options;
    convert.set_target_offset(options.raw_offset);
    if (options.raw_size)
      convert.set_target_bytes(*options.raw_size);
  }
  convert.set_target_is_zero(call_.target_is_zero);
  convert.set_target_has_backing(backing_.has_value());
  convert.set_sparse_sectors(
      static_cast<uint32_t>(call_.sparse_bytes / kSectorBytes));
  convert.set_out_of_order(call_.out_of_order);
  convert.set_compress(packs());
  convert.set_salvage(call_.salvage);
  convert.set_num_workers(limits.num_vcpus);
  convert.set_zero_run_tail_splits(environment_.profile.zero_run_tail_splits);
  convert.set_progress(call_.progress && !call_.quiet);
  return config;
}

// Their guest opens them and ends.
bool Convert::ReadSources(vmm::Files& files, bool with_snapshot) const {
  proto::Config config = SourcesConfig();
  config.mutable_convert()->set_only_sources(true);
  if (with_snapshot &&
      !FillSnapshotChoice(call_.snapshot,
                          *config.mutable_convert()->mutable_snapshot())) {
    Fail("Failed to load snapshot: Can't find snapshot");
    return false;
  }
  Session session(environment_, files, compat::CommandKind::kConvert);
  for (uint32_t slot = 0; slot < sources_.size(); ++slot)
    session.shown_names[slot] = sources_[slot].name;
  return session.Run(ConvertGuest(false), config,
                     LimitsFor(environment_, kGuestMemoryBytes));
}

// The target cannot be had. That is said unless there is something to say
// of the sources, which come first.
int Convert::Refuse(vmm::Files& files, const std::string& why) const {
  return ReadSources(files, false) ? Fail(why) : 1;
}

// The same where qemu-img knows only once the target is there.
int Convert::RefuseTarget(vmm::Files& files, const std::string& why) const {
  if (files.OpenReference(0, proto::ROLE_TARGET, {}, {}) >= 0)
    return Fail(why);
  proto::Failure failure;
  failure.set_fault(proto::FAULT_REFERENCE);
  failure.set_stage(proto::STAGE_CREATE);
  failure.set_value(proto::ROLE_TARGET);
  compat::FailureContext context;
  context.command = compat::CommandKind::kConvert;
  context.problem = ProblemOf(files.error());
  context.target_path = call_.output;
  context.target_format = format_;
  context.target_must_exist = !call_.create;
  return Fail(compat::FailureText(failure, context));
}

int Convert::Move(vmm::Files& files, Progress& progress) {
  const vmm::Limits limits = MakeLimits();
  proto::Config config = MakeConfig(limits);
  if (call_.snapshot.is_set() &&
      !FillSnapshotChoice(call_.snapshot,
                          *config.mutable_convert()->mutable_snapshot()))
    return Fail("Failed to load snapshot: Can't find snapshot");
  Session session(environment_, files, compat::CommandKind::kConvert);
  for (uint32_t slot = 0; slot < sources_.size(); ++slot)
    session.shown_names[slot] = sources_[slot].name;
  session.quiet_warnings = call_.quiet;
  session.target_path = call_.output;
  session.target_format = format_;
  Throttle throttle(call_.rate_limit);
  session.on_progress = [&](uint64_t done, uint64_t all) {
    progress.Update(done, all);
    throttle.Wait(call_.create ? WrittenBytes(files) : done);
  };
  if (session.Run(ConvertGuest(packs()), config, limits)) {
    // qemu-img copies everything, and fails without a word at the end.
    if (format_ == "qcow" && call_.compress &&
        !environment_.profile.has_own_features)
      return 1;
    progress.Complete();
    return 0;
  }
  const auto& failure = session.failure();
  if (failure && failure->stage() == proto::STAGE_CREATE && call_.create &&
      RemovesFailedOutput(format_))
    files.RemoveCreated();
  return 1;
}

int Convert::Run() {
  if (const auto why = CheckUnsupported())
    return Fail(*why);
  const auto source_cache = ParseCacheMode(call_.source_cache);
  if (!source_cache)
    return Fail("Invalid source cache option: " + call_.source_cache);
  Progress progress(call_.progress && !call_.quiet, kProgressStep);
  for (const std::string& name : call_.sources) {
    const auto source = ReadSource(environment_, name, call_.source_format,
                                   call_.image_opts, call_.force_share);
    if (!source)
      return 1;
    sources_.push_back(*source);
  }

  // Where a source cannot be opened that is said first, so sources are opened
  // once before the outputs are known.
  vmm::Policy policy = environment_.policy;
  policy.force_share =
      call_.force_share ||
      (!sources_.empty() && sources_.front().options.force_share);
  const auto cache = ParseCacheMode(call_.cache);
  {
    vmm::Files files(policy, vmm::Outputs{});
    if (!OpenSources(files, *source_cache))
      return 1;
    if (call_.snapshot.is_set() && call_.sources.size() > 1)
      return Refuse(files, "No support for concatenating multiple snapshot");
    if (const auto why = PrepareTarget())
      return Refuse(files, *why);
    if (call_.bitmaps && !CheckBitmaps(files))
      return 1;
    if (!cache)
      return Refuse(files, "Invalid cache option: " + call_.cache);
    if (call_.create && target_.creation_error.empty())
      target_.creation_error = DeviceProblem(OutputPath(), target_.target);
    if (!target_.creation_error.empty()) {
      return Refuse(files, call_.output + ": error while converting " +
                               format_ + ": " + target_.creation_error);
    }
  }
  vmm::Files files(policy, OutputsFor(*cache));
  if (!OpenSources(files, *source_cache))
    return 1;
  if (call_.bitmaps && !TakesBitmaps()) {
    return RefuseTarget(
        files, "Format driver '" + format_ + "' does not support bitmaps");
  }
  const int status = Move(files, progress);
  if (status != 0 || !call_.bitmaps)
    return status;
  const bool behind_data = call_.create && target_.target.preallocation() ==
                                               proto::PREALLOCATION_OFF;
  return BitmapCopy(environment_, call_, sources_.front())
      .Copy(files, format_, behind_data);
}

}  // namespace

int RunConvert(const Environment& environment, const Arguments& arguments) {
  ConvertCall call;
  if (const auto status = ParseConvertCall(environment, arguments, call))
    return *status;
  if (WritesToStream(environment, call))
    return ConvertToStream(environment, call);
  return Convert(environment, call).Run();
}

}  // namespace instar::cmd
