#include "cmd/session.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "cmd/opening_repair.h"
#include "compat/fault_text.h"
#include "compat/usage.h"

namespace instar::cmd {
namespace {

// The value of a variable; empty where it is not set.
std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string WrongValue(const char* name, const std::string& value,
                       const char* wanted) {
  return std::string(name) + ": '" + value + "' is not " + wanted;
}

std::optional<std::string> ReadJail(Environment& environment) {
  const std::string value = Variable("INSTAR_JAIL");
  if (value == "kvm")
    environment.jail = vmm::JailKind::kKvm;
  else if (value == "process")
    environment.jail = vmm::JailKind::kProcess;
  else if (!value.empty() && value != "auto")
    return WrongValue("INSTAR_JAIL", value, "one of kvm, process, auto");
  return std::nullopt;
}

std::optional<std::string> ReadPolicy(Environment& environment) {
  const std::string value = Variable("INSTAR_POLICY");
  if (value.empty())
    environment.policy.strict = environment.profile.has_own_features;
  else if (value == "strict" || value == "default")
    environment.policy.strict = value == "strict";
  else
    return WrongValue("INSTAR_POLICY", value, "one of default, strict");

  std::string_view directories;
  const std::string allowed = Variable("INSTAR_ALLOW");
  directories = allowed;
  while (!directories.empty()) {
    const size_t end = std::min(directories.find(':'), directories.size());
    if (end > 0)
      environment.policy.allowed.emplace_back(directories.substr(0, end));
    directories.remove_prefix(std::min(end + 1, directories.size()));
  }
  return std::nullopt;
}

std::optional<std::string> ReadStallSeconds(Environment& environment) {
  constexpr long kMaxSeconds = 86400;
  const std::string value = Variable("INSTAR_STALL_SECONDS");
  if (value.empty())
    return std::nullopt;
  char* end = nullptr;
  const long seconds = std::strtol(value.c_str(), &end, 10);
  if (*end != '\0' || seconds < 1 || seconds > kMaxSeconds) {
    return WrongValue("INSTAR_STALL_SECONDS", value,
                      "a number of seconds from 1 to 86400");
  }
  environment.stall_seconds = static_cast<uint32_t>(seconds);
  return std::nullopt;
}

// What happened to a guest that did not come to its end.
std::string VerdictText(const vmm::Outcome& outcome) {
  if (!outcome.detail.empty())
    return outcome.detail;
  switch (outcome.verdict) {
    case vmm::Verdict::kDone:
      return "guest failed without saying why";
    case vmm::Verdict::kBrokeRule:
      return "guest broke a rule";
    case vmm::Verdict::kStalled:
      return "guest made no progress";
    case vmm::Verdict::kNoJail:
      return "guest has no jail to run in";
    case vmm::Verdict::kHostError:
      break;
  }
  return "guest could not be run";
}

compat::FileRole RoleOf(int role) {
  if (role == proto::ROLE_BACKING)
    return compat::FileRole::kBacking;
  // Either counts as a part of the image that names it.
  if (role == proto::ROLE_DATA_FILE || role == proto::ROLE_EXTENT ||
      role == proto::ROLE_TARGET_EXTENT)
    return compat::FileRole::kDataFile;
  return compat::FileRole::kCommandLine;
}

}  // namespace

std::optional<std::string> ReadSettings(Environment& environment) {
  environment.replay_log = environment.profile.has_own_features;
  if (auto error = ReadJail(environment))
    return error;
  if (auto error = ReadPolicy(environment))
    return error;
  return ReadStallSeconds(environment);
}

vmm::Limits LimitsFor(const Environment& environment, uint64_t memory_bytes) {
  vmm::Limits limits;
  limits.jail = environment.jail;
  limits.memory_bytes = memory_bytes;
  limits.stall_seconds = environment.stall_seconds;
  return limits;
}

vmm::Limits LimitsForWorkers(const Environment& environment,
                             uint64_t memory_bytes, uint32_t most) {
  vmm::Limits limits = LimitsFor(environment, memory_bytes);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
    limits.num_vcpus =
        std::clamp(static_cast<uint32_t>(CPU_COUNT(&cpus)), 1U, most);
    limits.io_workers = limits.num_vcpus;
  }
  return limits;
}

bool WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR)
      continue;
    // Whoever read it has had enough; qemu-img does not count that a failure.
    if (written < 0 && errno == EPIPE)
      return true;
    if (written <= 0)
      return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

int Complain(std::string_view text) {
  WriteAll(STDERR_FILENO, text);
  return 1;
}

int PrintError(const Environment& environment, std::string_view text) {
  WriteAll(STDERR_FILENO, compat::ErrorLine(environment.names, text));
  return 1;
}

int PrintOpenError(const Environment& environment, const vmm::Files& files,
                   const std::string& name) {
  return PrintOpenError(environment, files.error(), name);
}

int PrintOpenError(const Environment& environment, const vmm::FileError& error,
                   const std::string& name) {
  return PrintError(environment,
                    compat::OpenProblemText(ProblemOf(error), name));
}

compat::FileProblem ProblemOf(const vmm::FileError& error) {
  compat::FileProblem problem;
  problem.error = error.error;
  problem.path = error.path;
  if (error.lock != nullptr)
    problem.lock = error.lock;
  problem.lock_is_shared = error.lock_is_shared;
  problem.not_regular = error.not_regular;
  problem.is_device = error.is_device;
  problem.foreign_extent = error.foreign_extent;
  return problem;
}

Session::Session(const Environment& environment, vmm::Files& files,
                 compat::CommandKind command)
    : environment_(environment), files_(files), command_(command) {}

void Session::OnFinding(const proto::Finding& finding) {
  if (finding.has_failure())
    failure_ = compat::AsTold(finding.failure(), environment_.profile);
  else if (finding.has_warning())
    PrintWarning(finding.warning());
  else if (on_finding)
    on_finding(finding);
}

void Session::PrintWarning(const proto::Failure& warning) {
  if (quiet_warnings && warning.fault() == proto::FAULT_UNREADABLE)
    return;
  const std::string text = compat::ImageWarning(warning);
  if (text.empty())
    return;
  std::string line = compat::WarningLine(environment_.names, text);
  line.pop_back();
  WriteAll(STDERR_FILENO, line);
}

void Session::OnProgress(uint64_t done, uint64_t all) {
  if (on_progress)
    on_progress(done, all);
}

compat::FailureContext Session::ContextFor(const proto::Config& config) const {
  compat::FailureContext context;
  context.command = command_;
  context.file = [this](uint32_t slot) -> compat::FileName {
    // The guest's word for a slot need not be true.
    if (slot >= files_.size())
      return {};
    const vmm::Origin origin = files_.origin(slot);
    const auto shown = shown_names.find(slot);
    if (origin.role == proto::ROLE_TARGET && !target_path.empty())
      return {.path = target_path, .role = RoleOf(origin.role)};
    return {
        .path = shown != shown_names.end() ? shown->second : files_.path(slot),
        .role = RoleOf(origin.role),
        .from = origin.from};
  };
  context.problem = ProblemOf(files_.error());
  context.strict_policy = environment_.policy.strict;
  context.target_path = target_path;
  context.target_format = target_format;
  const proto::CreateTarget& target = config.has_create()
                                          ? config.create().target()
                                          : config.convert().target();
  context.target = &target;
  context.target_backing = target.backing_file();
  context.target_backing_format = target.backing_format();
  for (uint32_t slot = 0; slot < files_.size(); ++slot) {
    context.target_is_device |=
        files_.origin(slot).role == proto::ROLE_TARGET &&
        (files_.info(slot).flags & abi::kSlotBlockDevice) != 0;
  }
  const bool makes_image = config.has_create() || config.has_measure() ||
                           (config.has_convert() && config.convert().create());
  context.target_must_exist = !makes_image;
  context.layers = layers;
  context.bitmap = {.name = bitmap_name, .actions = config.bitmap().actions()};
  context.snapshot = {.name = snapshot_name,
                      .action = config.snapshot().action(),
                      .tells_errno = environment_.profile.snapshot_tells_errno};
  return context;
}

// Whether the guest found that the image that it is to change must be repaired
// before that.
bool Session::NeedsRepair(const proto::Failure& failure) const {
  const bool is_target =
      failure.slot() < files_.size() &&
      files_.origin(failure.slot()).role == proto::ROLE_TARGET;
  return failure.fault() == proto::FAULT_NEEDS_REPAIR ||
         (failure.fault() == proto::FAULT_VHDX_LOG_DIRTY && is_target);
}

bool Session::RunOnce(std::span<const uint8_t> image,
                      const proto::Config& config, const vmm::Limits& limits,
                      std::string& verdict) {
  failure_.reset();
  proto::Config complete = config;
  complete.set_vpc_size_prefers_geometry(
      environment_.profile.vpc_size_prefers_geometry);
  complete.set_replay_log(environment_.replay_log);
  const vmm::Outcome outcome = vmm::Run(image, complete, files_, limits, *this);
  if (outcome.verdict == vmm::Verdict::kDone && outcome.success)
    return true;
  if (outcome.verdict != vmm::Verdict::kDone)
    failure_.reset();
  verdict = VerdictText(outcome);
  return false;
}

bool Session::Run(std::span<const uint8_t> image, const proto::Config& config,
                  const vmm::Limits& limits) {
  std::string verdict;
  if (RunOnce(image, config, limits, verdict))
    return true;
  if (repairs && ChangedImageOf(config) && failure_ && NeedsRepair(*failure_)) {
    if (!RepairBeforeChange(environment_, files_, config, *this))
      return false;
    if (RunOnce(image, config, limits, verdict))
      return true;
  }
  const bool is_told = failure_.has_value();
  const std::string text =
      is_told ? compat::FailureText(*failure_, ContextFor(config)) : verdict;
  if (error_text != nullptr) {
    *error_text = text;
    return false;
  }
  if (is_told) {
    WriteAll(STDERR_FILENO, compat::CorruptionText(*failure_));
    std::string preceding = compat::PrecedingText(*failure_);
    if (preceding.empty()) {
      preceding =
          compat::SnapshotPrecedingText(*failure_, ContextFor(config).snapshot);
    }
    if (!preceding.empty())
      PrintError(environment_, preceding);
  }
  PrintError(environment_, text);
  return false;
}

}  // namespace instar::cmd
