// `info`: what an image, or a whole backing chain, says of itself.
#include <unistd.h>

#include <ctime>
#include <optional>
#include <string>

#include "cmd/cache_mode.h"
#include "cmd/creation.h"
#include "cmd/info_findings.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/create_options.h"
#include "compat/help.h"
#include "compat/info_json.h"
#include "compat/info_text.h"
#include "compat/options.h"
#include "compat/target_options.h"

extern "C" {
extern const uint8_t image_info_begin[];
extern const uint8_t image_info_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

constexpr uint64_t kGuestMemoryBytes = 16 << 20;

int Complain(std::string_view text) {
  WriteAll(STDERR_FILENO, text);
  return 1;
}

class Info {
 public:
  explicit Info(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    if (const auto status = Parse(arguments))
      return *status;
    if (const auto status = Check())
      return *status;
    return Show();
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> Parse(const Arguments& arguments);
  std::optional<int> ParseOne(const compat::ParsedOption& option);
  std::optional<int> Check();
  int Show();
  std::string Render(const std::vector<compat::InfoNode>& chain) const;

  int OutputError() const {
    return Complain(compat::OutputFormatError(
        environment_.names, environment_.profile, "info", output_));
  }
  bool HasKnownOutput() const {
    return output_ == "human" || output_ == "json";
  }

  const Environment& environment_;
  std::string filename_;
  std::optional<std::string> format_;
  std::string output_ = "human";
  std::string cache_ = "writeback";
  vmm::CacheMode cache_mode_ = vmm::CacheMode::kWriteback;
  bool backing_chain_ = false;
  bool force_share_ = false;
  bool image_opts_ = false;
  bool limits_ = false;
};

std::optional<int> Info::ParseOne(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kHelp):
      WriteAll(STDOUT_FILENO,
               compat::CommandHelp(environment_.names, environment_.profile,
                                   *compat::FindCommand("info")));
      return 0;
    case static_cast<int>(Opt::kFormat):
      format_ = option.value;
      break;
    case static_cast<int>(Opt::kOutput):
      output_ = option.value;
      if (!HasKnownOutput() && environment_.profile.output_error_quotes_value)
        return OutputError();
      break;
    case static_cast<int>(Opt::kCache):
      cache_ = option.value;
      break;
    case static_cast<int>(Opt::kBackingChain):
      backing_chain_ = true;
      break;
    case static_cast<int>(Opt::kForceShare):
      force_share_ = true;
      break;
    case static_cast<int>(Opt::kImageOpts):
      image_opts_ = true;
      break;
    case static_cast<int>(Opt::kLimits):
      limits_ = true;
      break;
    case static_cast<int>(Opt::kObject):
      return RefuseObject(environment_);
    default:
      break;
  }
  return std::nullopt;
}

std::optional<int> Info::Parse(const Arguments& arguments) {
  compat::OptionReader reader(environment_.names, environment_.profile, "info",
                              arguments);
  while (const auto option = reader.Next()) {
    if (const auto status = ParseOne(*option))
      return status;
  }
  if (reader.failed())
    return Complain(reader.error());
  const Arguments operands = reader.operands();
  if (operands.size() != 1) {
    return Complain(compat::UsageError(environment_.names, environment_.profile,
                                       "info",
                                       "Expecting one image file name"));
  }
  filename_ = operands.front();
  return std::nullopt;
}

std::optional<int> Info::Check() {
  if (!HasKnownOutput())
    return OutputError();
  const auto cache_mode = ParseCacheMode(cache_);
  if (!cache_mode)
    return PrintError(environment_, "Invalid cache option: " + cache_);
  cache_mode_ = *cache_mode;
  return std::nullopt;
}

std::string Info::Render(const std::vector<compat::InfoNode>& chain) const {
  const compat::Profile& profile = environment_.profile;
  if (output_ == "json") {
    return backing_chain_ ? compat::InfoChainJson(chain, profile)
                          : compat::InfoJson(chain.front(), profile);
  }
  return backing_chain_ ? compat::InfoChainText(chain, profile)
                        : compat::InfoText(chain.front(), profile);
}

int Info::Show() {
  const auto source =
      ReadSource(environment_, filename_, format_, image_opts_, force_share_);
  if (!source)
    return 1;
  if (source->options.is_protocol)
    return PrintError(environment_, compat::Unsupported("Driver 'file'"));
  tzset();  // the host program may not open files once the guest runs
  vmm::Policy policy = environment_.policy;
  policy.force_share = force_share_ || source->options.force_share;
  vmm::Files files(policy, vmm::Outputs{});
  const auto slot = source->Open(files, cache_mode_);
  if (!slot)
    return PrintOpenError(environment_, files, source->name);

  proto::Config config;
  proto::InfoConfig& info = *config.mutable_info();
  source->Describe(*slot, *info.mutable_source());
  info.set_backing_chain(backing_chain_);
  info.set_open_data_file(environment_.profile.info_opens_data_file);

  InfoFindings findings(files);
  findings.set_shown_name(source->options.shown_name);
  Session session(environment_, files, compat::CommandKind::kInfo);
  session.shown_names[*slot] = source->name;
  session.on_finding = [&](const proto::Finding& finding) {
    findings.Add(finding);
  };
  if (!session.Run({image_info_begin, image_info_end}, config,
                   LimitsFor(environment_, kGuestMemoryBytes)))
    return 1;
  if (findings.broke_rule() || findings.chain().empty()) {
    return PrintError(environment_,
                      "guest broke a rule: what it reported makes no sense");
  }
  if (limits_) {
    const bool is_probed = source->options.format.empty();
    findings.AddLimits(is_probed, files.info(*slot).request_alignment);
  }
  return WriteAll(STDOUT_FILENO, Render(findings.chain())) ? 0 : 1;
}

}  // namespace

int RunInfo(const Environment& environment, const Arguments& arguments) {
  return Info(environment).Run(arguments);
}

}  // namespace instar::cmd
