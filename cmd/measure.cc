// `measure`: how large a new image would be, for a size or for what an image
// holds.
#include <unistd.h>

#include <optional>
#include <string>

#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/measure_target.h"
#include "cmd/session.h"
#include "cmd/snapshot_choice.h"
#include "cmd/source.h"
#include "compat/help.h"
#include "compat/measure_text.h"
#include "compat/options.h"
#include "compat/snapshot_param.h"

extern "C" {
extern const uint8_t image_measure_begin[];
extern const uint8_t image_measure_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestMemoryBytes = 16 << 20;

class Measure {
 public:
  explicit Measure(const Environment& environment)
      : environment_(environment) {}

  int Run(const Arguments& arguments) {
    if (const auto status = Parse(arguments))
      return *status;
    return Show();
  }

 private:
  // Each returns the exit status, if the command ends there.
  std::optional<int> Parse(const Arguments& arguments);
  std::optional<int> ParseOne(const compat::ParsedOption& option);
  std::optional<int> ParseOutput(const std::string& text);
  std::optional<int> CheckOperands(const Arguments& operands);

  int Show();
  // `source` is null where a size is measured.
  proto::Config ConfigFor(const MeasureTarget& target,
                          const ImageSource* source) const;
  int MeasureIt(vmm::Files& files, const ImageSource* source);
  int Fail(const std::string& text) const {
    return PrintError(environment_, text);
  }

  const Environment& environment_;
  std::optional<std::string> filename_;
  std::optional<std::string> format_;
  std::optional<uint64_t> size_;
  std::string target_format_ = "raw";
  std::string option_list_;
  compat::SnapshotParam snapshot_;
  bool json_ = false;
  bool force_share_ = false;
  bool image_opts_ = false;
};

std::optional<int> Measure::ParseOutput(const std::string& text) {
  json_ = text == "json";
  if (json_ || text == "human")
    return std::nullopt;
  return Complain(compat::OutputFormatError(
      environment_.names, environment_.profile, "measure", text));
}

std::optional<int> Measure::ParseOne(const compat::ParsedOption& option) {
  if (option.opt == Opt::kHelp)
    return PrintCommandHelp(environment_, "measure");
  if (option.opt == Opt::kObject)
    return RefuseObject(environment_);
  if (option.opt == Opt::kSize) {
    size_ = ReadBytes(environment_, "image size", option.value);
    if (!size_)
      return 1;
  }
  if (option.opt == Opt::kOutput)
    return ParseOutput(option.value);
  if (option.opt == Opt::kOptions &&
      !AppendOptionList(environment_, option_list_, option.value))
    return 1;
  if (option.opt == Opt::kSnapshot) {
    std::string output;
    const bool ok = compat::ReadSnapshotParam(environment_.names, option.value,
                                              snapshot_, output);
    Complain(output);
    if (!ok)
      return 1;
  }
  if (option.opt == Opt::kFormat)
    format_ = option.value;
  if (option.opt == Opt::kTargetFormat)
    target_format_ = option.value;
  force_share_ |= option.opt == Opt::kForceShare;
  image_opts_ |= option.opt == Opt::kImageOpts;
  return std::nullopt;
}

std::optional<int> Measure::CheckOperands(const Arguments& operands) {
  if (operands.size() > 1)
    return Fail("At most one filename argument is allowed.");
  if (!operands.empty())
    filename_ = operands.front();
  if (!filename_ && (image_opts_ || format_ || snapshot_.is_set()))
    return Fail("--image-opts, -f, and -l require a filename argument.");
  if (!filename_ && !size_)
    return Fail("Either --size N or one filename must be specified.");
  if (filename_ && size_)
    return Fail("--size N cannot be used together with a filename.");
  return std::nullopt;
}

std::optional<int> Measure::Parse(const Arguments& arguments) {
  compat::OptionReader reader(environment_.names, environment_.profile,
                              "measure", arguments);
  while (const auto option = reader.Next())
    if (const auto status = ParseOne(*option))
      return status;
  if (reader.failed()) {
    // Before 10.1 a wrong option is a call for help, and no failure.
    if (!environment_.profile.getopt_reports_errors)
      return PrintCommandHelp(environment_, "measure");
    return Complain(reader.error());
  }
  return CheckOperands(reader.operands());
}

proto::Config Measure::ConfigFor(const MeasureTarget& target,
                                 const ImageSource* source) const {
  proto::Config config;
  proto::MeasureConfig& measure = *config.mutable_measure();
  *measure.mutable_target() = target.target;
  *measure.mutable_layout() = target.layout;
  measure.set_has_backing_file(target.has_backing_file);
  measure.set_end(target.due);
  measure.set_parallels_has_bitmaps(environment_.profile.parallels_has_bitmaps);
  if (size_)
    measure.mutable_target()->set_size(*size_);
  if (source != nullptr)
    source->Describe(0, *measure.mutable_source());
  return config;
}

int Measure::Show() {
  std::optional<ImageSource> source;
  if (filename_) {
    source = ReadSource(environment_, *filename_, format_, image_opts_,
                        force_share_);
    if (!source)
      return 1;
  }
  vmm::Policy policy = environment_.policy;
  policy.force_share = force_share_ || (source && source->options.force_share);
  vmm::Files files(policy, vmm::Outputs{});
  if (source && !source->Open(files, vmm::CacheMode::kWriteback))
    return PrintOpenError(environment_, files, source->name);
  return MeasureIt(files, source ? &*source : nullptr);
}

int Measure::MeasureIt(vmm::Files& files, const ImageSource* source) {
  const MeasureTarget target =
      ReadMeasureTarget(environment_, target_format_, option_list_);
  if (source == nullptr && target.due == proto::MEASURE_END_OPENED)
    return Fail(target.errors);
  proto::Config config = ConfigFor(target, source);
  if (snapshot_.is_set() &&
      !FillSnapshotChoice(snapshot_,
                          *config.mutable_measure()->mutable_snapshot()))
    return Fail("Failed to load snapshot: Can't find snapshot");

  std::optional<compat::MeasureSizes> sizes;
  Session session(environment_, files, compat::CommandKind::kMeasure);
  session.target_format = target_format_;
  if (source != nullptr)
    session.shown_names[0] = source->name;
  session.on_finding = [&](const proto::Finding& finding) {
    if (!finding.has_measure())
      return;
    const proto::MeasureResult& result = finding.measure();
    sizes = {.required = result.required(),
             .fully_allocated = result.fully_allocated(),
             .bitmaps = {}};
    if (result.has_bitmaps())
      sizes->bitmaps = result.bitmaps();
  };
  if (!session.Run({image_measure_begin, image_measure_end}, config,
                   LimitsFor(environment_, kGuestMemoryBytes)))
    return 1;
  if (!target.errors.empty())
    return Fail(target.errors);
  if (!sizes)
    return Fail("guest broke a rule: it reported no size");
  const std::string text =
      json_ ? compat::MeasureJson(*sizes) : compat::MeasureText(*sizes);
  return WriteAll(STDOUT_FILENO, text) ? 0 : 1;
}

}  // namespace

int RunMeasure(const Environment& environment, const Arguments& arguments) {
  return Measure(environment).Run(arguments);
}

}  // namespace instar::cmd
