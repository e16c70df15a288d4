// `info`: what an image, or a whole backing chain, says of itself.
#include <unistd.h>

#include <ctime>
#include <optional>
#include <string>

#include "cmd/cache_mode.h"
#include "cmd/image_call.h"
#include "cmd/info_findings.h"
#include "cmd/session.h"
#include "cmd/source.h"
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

class Info {
 public:
  explicit Info(const Environment& environment) : environment_(environment) {}

  int Run(const Arguments& arguments) {
    const auto status = ReadImageCall(
        environment_, "info", arguments, call_,
        [this](const compat::ParsedOption& option) { return ReadOwn(option); });
    return status ? *status : Show();
  }

 private:
  std::optional<int> ReadOwn(const compat::ParsedOption& option);
  int Show();
  std::string Render(const std::vector<compat::InfoNode>& chain) const;

  const Environment& environment_;
  ImageCall call_;
  std::string cache_ = "writeback";
  bool backing_chain_ = false;
  bool limits_ = false;
};

std::optional<int> Info::ReadOwn(const compat::ParsedOption& option) {
  if (option.opt == Opt::kCache)
    cache_ = option.value;
  backing_chain_ |= option.opt == Opt::kBackingChain;
  limits_ |= option.opt == Opt::kLimits;
  return std::nullopt;
}

std::string Info::Render(const std::vector<compat::InfoNode>& chain) const {
  const compat::Profile& profile = environment_.profile;
  if (call_.output == "json") {
    return backing_chain_ ? compat::InfoChainJson(chain, profile)
                          : compat::InfoJson(chain.front(), profile);
  }
  return backing_chain_ ? compat::InfoChainText(chain, profile)
                        : compat::InfoText(chain.front(), profile);
}

int Info::Show() {
  const auto cache = ParseCacheMode(cache_);
  if (!cache)
    return PrintError(environment_, "Invalid cache option: " + cache_);
  const auto source = ReadSource(environment_, call_);
  if (!source)
    return 1;
  if (source->options.is_protocol)
    return PrintError(environment_, compat::Unsupported("Driver 'file'"));
  tzset();  // the host program may not open files once the guest runs
  vmm::Policy policy = environment_.policy;
  policy.force_share = call_.force_share || source->options.force_share;
  vmm::Files files(policy, vmm::Outputs{});
  const auto slot = source->Open(files, *cache);
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
