#include "cmd/opening_repair.h"

#include <unistd.h>

#include "compat/check_text.h"

extern "C" {
extern const uint8_t image_repair_begin[];
extern const uint8_t image_repair_end[];
}

namespace instar::cmd {
namespace {

proto::Config RepairOf(const Environment& environment,
                       const proto::Source& image) {
  proto::Config config;
  proto::RepairConfig& repair = *config.mutable_repair();
  *repair.mutable_image() = image;
  repair.set_leaks(true);
  repair.set_errors(true);
  repair.set_at_opening(true);
  repair.set_reserved_bits(environment.profile.check_reads_reserved_bits);
  repair.set_parallels(environment.profile.check_parallels);
  return config;
}

vmm::Limits RepairLimits(const Environment& environment) {
  vmm::Limits limits = LimitsFor(environment, kRepairGuestBytes);
  limits.findings_bytes = 0;
  return limits;
}

}  // namespace

std::span<const uint8_t> RepairGuest() {
  return {image_repair_begin, image_repair_end};
}

std::optional<proto::Source> ChangedImageOf(const proto::Config& config) {
  switch (static_cast<int>(config.operation_case())) {
    case proto::Config::kBitmap:
      return config.bitmap().image();
    case proto::Config::kResize:
      return config.resize().image();
    case proto::Config::kSnapshot:
      return config.snapshot().image();
    case proto::Config::kRebase:
      return config.rebase().image();
    case proto::Config::kCommit:
      return config.commit().image();
    case proto::Config::kAmend:
      return config.amend().image();
    case proto::Config::kBench:
      return config.bench().image();
    case proto::Config::kConvert: {
      if (config.convert().create())
        return std::nullopt;
      proto::Source image;
      image.set_format(config.convert().target().format());
      return image;
    }
    default:
      return std::nullopt;
  }
}

bool RepairBeforeChange(const Environment& environment, vmm::Files& files,
                        const proto::Config& config, Session& session) {
  const auto image = ChangedImageOf(config);
  proto::Config repair = RepairOf(environment, image.value_or(proto::Source()));
  repair.mutable_repair()->set_is_alone(config.rebase().is_unsafe());

  Session mending(environment, files, session.command());
  mending.error_text = session.error_text;
  mending.shown_names = session.shown_names;
  mending.target_path = session.target_path;
  mending.target_format = session.target_format;
  mending.on_finding = [&](const proto::Finding& finding) {
    if (finding.has_problem()) {
      WriteAll(STDERR_FILENO,
               compat::ProblemText(environment.names, environment.profile,
                                   finding.problem()));
    }
  };
  return mending.Run(RepairGuest(), repair, RepairLimits(environment));
}

bool RepairLayer(const Environment& environment, const std::string& path,
                 vmm::CacheMode cache, compat::CommandKind command,
                 std::string& error) {
  vmm::Outputs outputs;
  outputs.target = path;
  outputs.create = false;
  outputs.cache = cache;
  vmm::Files files(environment.policy, outputs);
  Session mending(environment, files, command);
  mending.error_text = &error;
  mending.target_path = path;
  proto::Config config = RepairOf(environment, {});
  config.mutable_repair()->set_is_alone(true);
  return mending.Run(RepairGuest(), config, RepairLimits(environment));
}

}  // namespace instar::cmd
