#include "cmd/opening_repair.h"

#include <unistd.h>

#include "compat/check_text.h"

extern "C" {
extern const uint8_t image_repair_begin[];
extern const uint8_t image_repair_end[];
}

namespace instar::cmd {

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
                        const proto::Source& image, Session& session) {
  proto::Config config;
  proto::RepairConfig& repair = *config.mutable_repair();
  *repair.mutable_image() = image;
  repair.set_leaks(true);
  repair.set_errors(true);
  repair.set_at_opening(true);
  repair.set_reserved_bits(environment.profile.check_reads_reserved_bits);
  repair.set_parallels(environment.profile.check_parallels);

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
  vmm::Limits limits = LimitsFor(environment, kRepairGuestBytes);
  limits.findings_bytes = 0;
  return mending.Run(RepairGuest(), config, limits);
}

}  // namespace instar::cmd
