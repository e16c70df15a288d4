// `create`: an empty image, with or without a backing file.
#include <unistd.h>

#include <optional>

#include "cmd/creation.h"
#include "cmd/image_call.h"
#include "cmd/session.h"
#include "compat/filename.h"
#include "compat/help.h"
#include "compat/options.h"
#include "compat/target_options.h"

extern "C" {
extern const uint8_t image_create_begin[];
extern const uint8_t image_create_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestMemoryBytes = 16 << 20;

std::span<const uint8_t> GuestImage() {
  return {image_create_begin, image_create_end};
}

// Sees the guest's plan and nothing else.
class PlanOnly final : public vmm::Events {
 public:
  void OnFinding(const proto::Finding& finding) override {
    if (finding.has_plan())
      plan = finding.plan();
  }
  void OnProgress(uint64_t, uint64_t) override {}

  std::optional<proto::CreatePlan> plan;
};

class Create {
 public:
  explicit Create(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    if (const auto status = Parse(arguments))
      return *status;
    const OutputFormat format = FindOutputFormat(format_, filename_);
    if (format.row == nullptr)
      return Fail(format.error);
    compat::CreateOptions options(*format.row, environment_.profile);
    if (const auto error = Combine(options))
      return Fail(*error);
    compat::TargetOptions target =
        compat::ReadTargetOptions(*format.row, options, environment_.profile);
    if (!target.unsupported.empty())
      return Fail(target.unsupported);
    if (target.creation_error.empty())
      target.creation_error = DeviceProblem(OutputPath(), target.target);
    return Make(options, target);
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> Parse(const Arguments& arguments);
  std::optional<int> ParseOne(const compat::ParsedOption& option);
  std::optional<int> ParseOperands(const Arguments& operands);

  // Brings -o, the size, -b and -F together. Returns what is wrong.
  std::optional<std::string> Combine(compat::CreateOptions& options);

  int Make(compat::CreateOptions& options, const compat::TargetOptions& target);
  proto::Config ConfigFor(const compat::CreateOptions& options,
                          const compat::TargetOptions& target) const;
  bool OpenBacking(vmm::Files& files) const;
  // What the guest would make, without making it; nothing where the backing
  // file cannot be used.
  std::optional<proto::CreatePlan> Plan(const proto::Config& config) const;
  // Takes over what the plan tells of the backing file. Returns what is wrong.
  std::optional<std::string> Adopt(const proto::CreatePlan& plan,
                                   compat::CreateOptions& options,
                                   proto::Config& config);
  // As Adopt, where the backing file is not looked at.
  std::optional<std::string> AdoptUnseen();
  int Write(compat::CreateOptions& options, const compat::TargetOptions& target,
            const proto::Config& config, bool may_write);
  void PrintFormatting(const compat::CreateOptions& options) const;

  int Fail(const std::string& text) const {
    return PrintError(environment_, filename_ + ": " + text);
  }
  std::string OutputPath() const {
    return std::string(compat::ParseImageName(filename_).path);
  }
  bool opens_backing() const { return backing_.has_value() && !unsafe_; }

  const Environment& environment_;
  std::string format_ = "raw";
  std::string option_list_;
  std::optional<std::string> backing_;
  std::optional<std::string> backing_format_;
  bool unsafe_ = false;
  bool quiet_ = false;
  std::string filename_;
  std::optional<uint64_t> size_;
  std::string format_warning_;  // an old version's, for a missing -F
};

std::optional<int> Create::ParseOne(const compat::ParsedOption& option) {
  if (option.opt == Opt::kHelp)
    return PrintCommandHelp(environment_, "create");
  if (option.opt == Opt::kObject)
    return RefuseObject(environment_);
  if (option.opt == Opt::kOptions &&
      !AppendOptionList(environment_, option_list_, option.value))
    return 1;
  if (option.opt == Opt::kFormat)
    format_ = option.value;
  if (option.opt == Opt::kBacking)
    backing_ = option.value;
  if (option.opt == Opt::kBackingFormat)
    backing_format_ = option.value;
  unsafe_ |= option.opt == Opt::kBackingUnsafe;
  quiet_ |= option.opt == Opt::kQuiet;
  return std::nullopt;
}

std::optional<int> Create::Parse(const Arguments& arguments) {
  compat::OptionReader reader(environment_.names, environment_.profile,
                              "create", arguments);
  while (const auto option = reader.Next())
    if (const auto status = ParseOne(*option))
      return status;
  if (reader.failed())
    return Complain(reader.error());
  return ParseOperands(reader.operands());
}

std::optional<int> Create::ParseOperands(const Arguments& operands) {
  if (compat::AsksForHelp(option_list_))
    return PrintCreationHelp(environment_, format_, !operands.empty());
  if (operands.empty()) {
    return Complain(compat::UsageError(environment_.names, environment_.profile,
                                       "create", "Expecting image file name"));
  }
  filename_ = operands[0];
  if (operands.size() > 1) {
    size_ = ReadBytes(environment_, "image size", operands[1]);
    if (!size_)
      return 1;
  }
  if (operands.size() > 2) {
    return Complain(compat::UsageError(environment_.names, environment_.profile,
                                       "create",
                                       "Unexpected argument: " + operands[2]));
  }
  return std::nullopt;
}

std::optional<std::string> Create::Combine(compat::CreateOptions& options) {
  auto error = options.Parse(option_list_);
  PrintWarnings(environment_, options);
  if (error)
    return error;
  if (size_) {
    if (options.Number("size"))
      return "The image size must be specified only once";
    options.SetNumber("size", *size_);
  }
  if (backing_) {
    if (!options.Knows("backing_file"))
      return "Backing file not supported for file format '" + format_ + "'";
    options.Set("backing_file", *backing_);
  }
  if (backing_format_) {
    if (!options.Knows("backing_fmt")) {
      return "Backing file format not supported for file format '" + format_ +
             "'";
    }
    options.Set("backing_fmt", *backing_format_);
  }
  backing_ = options.Text("backing_file");
  backing_format_ = options.Text("backing_fmt");
  size_ = options.Number("size");
  if (backing_ && backing_->empty())
    return "Expected backing file name, got empty string";
  if (backing_ == filename_) {
    return "Error: Trying to create an image with the same filename as the "
           "backing file";
  }
  return std::nullopt;
}

proto::Config Create::ConfigFor(const compat::CreateOptions& options,
                                const compat::TargetOptions& target) const {
  proto::Config config;
  proto::CreateConfig& create = *config.mutable_create();
  *create.mutable_target() = target.target;
  FillIdentity(OutputPath(), *create.mutable_target());
  if (const auto size = options.Number("size")) {
    create.set_has_size(true);
    create.mutable_target()->set_size(*size);
  }
  if (opens_backing()) {
    create.set_open_backing(true);
    proto::Source& source = *create.mutable_backing();
    source.set_slot(0);
    source.set_format(backing_format_.value_or(""));
    source.set_filename(*backing_);
  }
  return config;
}

bool Create::OpenBacking(vmm::Files& files) const {
  const std::string path = vmm::ResolveReference(OutputPath(), *backing_);
  if (backing_format_ && compat::FindFormat(*backing_format_) == nullptr) {
    Fail("Unknown driver '" + *backing_format_ +
         "'\nCould not open backing image.");
    return false;
  }
  if (files.OpenSource(path, vmm::CacheMode::kWriteback))
    return true;
  std::string text = compat::OpenProblemText(ProblemOf(files.error()));
  // The command names its own file in front instead of the backing file.
  const std::string start = "Could not open '" + path + "': ";
  if (text.starts_with(start))
    text.erase(0, start.size());
  Fail(text + "\nCould not open backing image.");
  return false;
}

std::optional<proto::CreatePlan> Create::Plan(
    const proto::Config& config) const {
  vmm::Files files(environment_.policy, vmm::Outputs{});
  const std::string path = vmm::ResolveReference(OutputPath(), *backing_);
  if (!files.OpenSource(path, vmm::CacheMode::kWriteback))
    return std::nullopt;
  PlanOnly events;
  vmm::Limits limits = LimitsFor(environment_, kGuestMemoryBytes);
  limits.narrow = false;  // another run follows
  vmm::Run(GuestImage(), config, files, limits, events);
  return events.plan;
}

std::optional<std::string> Create::Adopt(const proto::CreatePlan& plan,
                                         compat::CreateOptions& options,
                                         proto::Config& config) {
  if (!size_)
    options.SetNumber("size", plan.size());
  if (backing_format_)
    return std::nullopt;
  const std::string& detected = plan.detected_format();
  if (environment_.profile.backing_format_required) {
    return "Backing file specified without backing format\n"
           "Detected format of " +
           detected + ".";
  }
  format_warning_ =
      "Deprecated use of backing file without explicit backing format "
      "(detected format of " +
      detected + ")";
  if (detected != "raw") {
    options.Set("backing_fmt", detected);
    config.mutable_create()->mutable_target()->set_backing_format(detected);
  }
  return std::nullopt;
}

std::optional<std::string> Create::AdoptUnseen() {
  if (environment_.profile.backing_format_required)
    return "Backing file specified without backing format";
  format_warning_ =
      "Deprecated use of unopened backing file without explicit backing "
      "format, use of this image requires potentially unsafe format probing";
  return std::nullopt;
}

void Create::PrintFormatting(const compat::CreateOptions& options) const {
  if (!quiet_)
    WriteAll(STDOUT_FILENO, options.FormattingLine(filename_));
  if (!format_warning_.empty()) {
    Complain(compat::WarningLine(environment_.names, format_warning_));
  }
}

int Create::Make(compat::CreateOptions& options,
                 const compat::TargetOptions& target) {
  proto::Config config = ConfigFor(options, target);
  const bool lacks_format = backing_.has_value() && !backing_format_;
  const bool is_wrong = !target.creation_error.empty();
  if (opens_backing() && (lacks_format || is_wrong)) {
    const auto plan = Plan(config);
    // Without a plan the guest tells why when it runs again.
    if (!plan)
      return Write(options, target, config, false);
    if (const auto error = Adopt(*plan, options, config)) {
      std::string line =
          compat::ErrorLine(environment_.names, filename_ + ": " + *error);
      if (!environment_.profile.detected_format_hint_ends_line)
        line.pop_back();
      return Complain(line);
    }
  } else if (lacks_format) {
    if (const auto error = AdoptUnseen())
      return Fail(*error);
  }
  if (!opens_backing() && !size_)
    return Fail("Image creation needs a size parameter");
  if (is_wrong) {
    PrintFormatting(options);
    if (target.error_leaves_file) {
      vmm::Outputs outputs = {.target = OutputPath()};
      SetCreationModes(environment_, target, outputs);
      LeaveEmptyOutput(environment_, outputs);
    }
    return Fail(target.creation_error);
  }
  return Write(options, target, config, true);
}

int Create::Write(compat::CreateOptions& options,
                  const compat::TargetOptions& target,
                  const proto::Config& config, bool may_write) {
  vmm::Outputs outputs;
  if (may_write) {
    outputs.target = OutputPath();
    outputs.data_file = config.create().target().qcow2().data_file();
    SetCreationModes(environment_, target, outputs);
  }
  vmm::Files files(environment_.policy, outputs);
  if (opens_backing() && !OpenBacking(files))
    return 1;
  Session session(environment_, files, compat::CommandKind::kCreate);
  session.target_path = filename_;
  session.target_format = format_;
  session.on_finding = [&](const proto::Finding& finding) {
    if (!finding.has_plan() || !may_write)
      return;
    if (!options.Number("size"))
      options.SetNumber("size", finding.plan().size());
    PrintFormatting(options);
  };
  if (session.Run(GuestImage(), config,
                  LimitsFor(environment_, kGuestMemoryBytes)))
    return 0;
  if (RemovesFailedOutput(format_))
    files.RemoveCreated();
  return 1;
}

}  // namespace

int RunCreate(const Environment& environment, const Arguments& arguments) {
  return Create(environment).Run(arguments);
}

}  // namespace instar::cmd
