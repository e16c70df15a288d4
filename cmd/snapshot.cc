// `snapshot`: lists an image's internal snapshots, or changes them.
#include <unistd.h>

#include <ctime>
#include <optional>
#include <string>

#include "cmd/changed_image.h"
#include "cmd/image_call.h"
#include "cmd/info_findings.h"
#include "cmd/session.h"
#include "cmd/source.h"
#include "compat/options.h"
#include "compat/snapshot_table.h"
#include "compat/snapshot_text.h"
#include "compat/target_options.h"

extern "C" {
extern const uint8_t image_snapshot_begin[];
extern const uint8_t image_snapshot_end[];
}

namespace instar::cmd {
namespace {

using compat::Opt;

// Room for two of the longest L1 tables and for refcounts of a terabyte; what
// is not needed is never touched.
constexpr uint64_t kGuestMemoryBytes = 352 << 20;

// qemu-img keeps as much of the name of a new snapshot.
constexpr size_t kMaxNewNameBytes = 255;
constexpr size_t kMaxNameBytes = 1024;  // proto/guest.options

class Snapshot {
 public:
  explicit Snapshot(const Environment& environment)
      : environment_(environment) {}

  int Run(const Arguments& arguments) {
    const auto status = ReadImageCall(
        environment_, "snapshot", arguments, call_,
        [this](const compat::ParsedOption& option) { return ReadOwn(option); });
    if (status)
      return *status;
    if (!has_action_ && environment_.profile.snapshot_lists_by_default)
      action_ = proto::SNAPSHOT_ACTION_LIST;
    return action_ == proto::SNAPSHOT_ACTION_LIST ? List() : Change();
  }

 private:
  // The exit status, if the command ends here.
  std::optional<int> ReadOwn(const compat::ParsedOption& option);
  std::optional<int> Choose(proto::SnapshotAction action,
                            const std::string& name);
  int List();
  int Change();
  proto::Config MakeConfig(uint32_t slot, const ImageSource& image) const;

  const Environment& environment_;
  ImageCall call_;
  bool has_action_ = false;
  proto::SnapshotAction action_ = proto::SNAPSHOT_ACTION_NONE;
  std::string name_;
};

std::optional<int> Snapshot::Choose(proto::SnapshotAction action,
                                    const std::string& name) {
  if (has_action_) {
    return Complain(compat::UsageError(environment_.names, environment_.profile,
                                       "snapshot",
                                       "Cannot mix '-l', '-a', '-c', '-d'"));
  }
  has_action_ = true;
  action_ = action;
  name_ = name;
  return std::nullopt;
}

std::optional<int> Snapshot::ReadOwn(const compat::ParsedOption& option) {
  switch (static_cast<int>(option.opt)) {
    case static_cast<int>(Opt::kList):
      return Choose(proto::SNAPSHOT_ACTION_LIST, {});
    case static_cast<int>(Opt::kApply):
      return Choose(proto::SNAPSHOT_ACTION_APPLY, option.value);
    case static_cast<int>(Opt::kCreate):
      return Choose(proto::SNAPSHOT_ACTION_CREATE, option.value);
    case static_cast<int>(Opt::kDelete):
      return Choose(proto::SNAPSHOT_ACTION_DELETE, option.value);
    default:
      return std::nullopt;
  }
}

proto::Config Snapshot::MakeConfig(uint32_t slot,
                                   const ImageSource& image) const {
  proto::Config config;
  proto::SnapshotConfig& snapshot = *config.mutable_snapshot();
  image.Describe(slot, *snapshot.mutable_image());
  snapshot.set_action(action_);
  if (action_ == proto::SNAPSHOT_ACTION_CREATE) {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    snapshot.set_date_sec(static_cast<uint32_t>(now.tv_sec));
    // qemu-img knows the time in microseconds.
    snapshot.set_date_nsec(static_cast<uint32_t>(now.tv_nsec / 1000 * 1000));
    snapshot.set_name(name_.substr(0, kMaxNewNameBytes));
  } else {
    snapshot.set_name(name_.substr(0, kMaxNameBytes));
  }
  return config;
}

int Snapshot::List() {
  const auto image = ReadSource(environment_, call_);
  if (!image)
    return 1;
  tzset();  // the host program may not open files once the guest runs
  vmm::Policy policy = environment_.policy;
  policy.force_share = call_.force_share || image->options.force_share;
  vmm::Files files(policy, vmm::Outputs{});
  const auto slot = image->Open(files, vmm::CacheMode::kWriteback);
  if (!slot)
    return PrintOpenError(environment_, files, image->name);
  InfoFindings findings(files);
  Session session(environment_, files, compat::CommandKind::kSnapshot);
  session.shown_names[*slot] = image->name;
  session.on_finding = [&](const proto::Finding& finding) {
    findings.Add(finding);
  };
  if (!session.Run({image_snapshot_begin, image_snapshot_end},
                   MakeConfig(*slot, *image),
                   LimitsFor(environment_, kGuestMemoryBytes)))
    return 1;
  if (findings.broke_rule() || findings.chain().empty()) {
    return PrintError(environment_,
                      "guest broke a rule: what it reported makes no sense");
  }
  const auto& snapshots = findings.chain().front().snapshots;
  if (snapshots.empty())
    return 0;
  const std::string table =
      compat::SnapshotTable(snapshots, environment_.profile);
  return WriteAll(STDOUT_FILENO, table) ? 0 : 1;
}

int Snapshot::Change() {
  const auto image = ReadSource(environment_, call_);
  if (!image)
    return 1;
  if (call_.force_share || image->options.force_share) {
    return PrintError(environment_, compat::SharedWriteError(image->name));
  }
  vmm::Files files(environment_.policy,
                   OutputsFor(*image, vmm::CacheMode::kWriteback));
  Session session(environment_, files, compat::CommandKind::kSnapshot);
  session.target_path = image->name;
  session.snapshot_name = name_;
  session.shown_names[files.size()] = image->name;
  session.on_finding = [&](const proto::Finding& finding) {
    if (!finding.has_image())
      return;
    WarnOfGuessedRaw(*image, finding.image());
    // qemu-img opens it again, as there might be snapshots further down.
    if (action_ == proto::SNAPSHOT_ACTION_APPLY)
      WarnOfGuessedRaw(*image, finding.image());
  };
  return session.Run({image_snapshot_begin, image_snapshot_end},
                     MakeConfig(0, *image),
                     LimitsFor(environment_, kGuestMemoryBytes))
             ? 0
             : 1;
}

}  // namespace

int RunSnapshot(const Environment& environment, const Arguments& arguments) {
  return Snapshot(environment).Run(arguments);
}

}  // namespace instar::cmd
