#include "cmd/existing_target.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string_view>

#include "cmd/creation.h"
#include "cmd/session.h"
#include "compat/failure.h"
#include "compat/fault_text.h"
#include "compat/target_options.h"

extern "C" {
extern const uint8_t image_info_begin[];
extern const uint8_t image_info_end[];
}

namespace instar::cmd {
namespace {

constexpr uint64_t kInfoMemoryBytes = 16 << 20;

// Runs a guest that sees the target and nothing else, so that no source can
// choose which file is written to. Its failure is the target's problem.
class Inspection {
 public:
  Inspection(const Environment& environment, ExistingTarget& target)
      : environment_(environment), target_(target), files_(PolicyOf(), {}) {}

  // Which format the image has, and which file holds its data.
  void Look();

 private:
  vmm::Policy PolicyOf() const {
    vmm::Policy policy = environment_.policy;
    policy.force_share = true;  // the locks are taken when it is written to
    return policy;
  }
  void Run(std::span<const uint8_t> guest, uint64_t memory_bytes,
           const std::function<void(uint32_t slot, proto::Config&)>& fill,
           const std::function<void(const proto::Finding&)>& on_finding);

  const Environment& environment_;
  ExistingTarget& target_;
  vmm::Files files_;
};

void Inspection::Run(
    std::span<const uint8_t> guest, uint64_t memory_bytes,
    const std::function<void(uint32_t slot, proto::Config&)>& fill,
    const std::function<void(const proto::Finding&)>& on_finding) {
  const auto slot = target_.image.Open(files_, vmm::CacheMode::kWriteback);
  if (!slot) {
    target_.problem =
        compat::OpenProblemText(ProblemOf(files_.error()), target_.image.name);
    return;
  }
  proto::Config config;
  fill(*slot, config);
  Session session(environment_, files_, compat::CommandKind::kConvert);
  session.shown_names[*slot] = target_.image.name;
  session.error_text = &target_.problem;
  session.on_finding = on_finding;
  vmm::Limits limits = LimitsFor(environment_, memory_bytes);
  limits.narrow = false;
  session.Run(guest, config, limits);
}

void Inspection::Look() {
  const auto fill = [this](uint32_t slot, proto::Config& config) {
    target_.image.Describe(slot, *config.mutable_info()->mutable_source());
  };
  const auto take = [this](const proto::Finding& finding) {
    if (!finding.has_image())
      return;
    target_.format = finding.image().format();
    target_.data_file = finding.image().qcow2().data_file();
    if (target_.data_file.find('\0') != std::string::npos)
      target_.data_file.clear();
  };
  Run({image_info_begin, image_info_end}, kInfoMemoryBytes, fill, take);
}

// Why an image of that format cannot be a target; empty: it can.
std::string FormatProblem(const ExistingTarget& target,
                          const std::string& start) {
  const compat::FormatRow* row = compat::FindFormat(target.format);
  if (row == nullptr)
    return start + "Unknown driver '" + target.format + "'";
  const OutputFormat format =
      FindOutputFormat(target.format, target.image.options.path);
  if (format.row != nullptr)
    return {};
  constexpr std::string_view kReadOnly[] = {"bochs", "cloop", "dmg"};
  if (std::ranges::find(kReadOnly, target.format) != std::end(kReadOnly)) {
    vmm::Files files({}, vmm::Outputs{});
    return target.image.Open(files, vmm::CacheMode::kWriteback)
               ? start + "Image is read-only"
               : compat::OpenProblemText(ProblemOf(files.error()),
                                         target.image.name);
  }
  return start + (row->can_create
                      ? format.error
                      : compat::Unsupported("Format '" + target.format + "'"));
}

}  // namespace

void LookInto(const Environment& environment, ExistingTarget& target) {
  Inspection(environment, target).Look();
}

ExistingTarget FindExistingTarget(const Environment& environment,
                                  const ConvertCall& call) {
  std::optional<std::string> format = call.target_format;
  if (!call.target_image_opts && !format)
    format = "raw";
  ExistingTarget target;
  target.image = FindSource(environment, call.output, format,
                            call.target_image_opts, false);
  const compat::ImageOptions& options = target.image.options;
  WriteAll(STDERR_FILENO, options.warnings);
  target.problem = target.image.problem;
  target.format = options.format;
  if (format && !call.target_image_opts)
    target.format = *format;
  if (!target.problem.empty())
    return target;
  const std::string start = "Could not open '" + call.output + "': ";
  if (options.force_share) {
    target.problem = compat::SharedWriteError(call.output);
  } else if (options.read_only) {
    target.problem = start + "Block node is read-only";
  }
  const bool is_probed = target.format.empty();
  if (!is_probed && target.problem.empty())
    target.problem = FormatProblem(target, start);
  if (!target.problem.empty())
    return target;

  const bool is_part = options.raw_offset != 0 || options.raw_size;
  if (is_probed || is_part || target.format == "qcow2")
    LookInto(environment, target);
  // What an image of a known format lacks is told when it is opened to be
  // written to.
  if (!is_probed && !is_part)
    target.problem.clear();
  if (is_probed && target.problem.empty())
    target.problem = FormatProblem(target, start);
  if (is_probed && target.problem.empty() && target.format == "raw")
    WriteAll(STDERR_FILENO, compat::RawGuessedText(options.path));
  return target;
}

}  // namespace instar::cmd
