// What every subcommand that runs a guest shares: the settings of the
// environment, the run itself, and the one line that says how it failed.
//
//   vmm::Files files(environment.policy, outputs);
//   const auto slot = files.OpenSource(path, cache);
//   if (!slot) return PrintOpenError(environment, files);
//   proto::Config config = …;
//   Session session(environment, files, compat::CommandKind::kConvert);
//   session.on_finding = [&](const proto::Finding& f) { … };
//   if (!session.Run(image, config, LimitsFor(environment, 64 << 20)))
//     return 1;  // the error line is printed
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cmd/command.h"
#include "compat/failure.h"
#include "gen/guest.pb.h"
#include "vmm/files.h"
#include "vmm/run.h"

namespace instar::cmd {

// Reads INSTAR_JAIL (kvm, process, auto), INSTAR_POLICY (default, strict),
// INSTAR_ALLOW (directories, separated by colons) and INSTAR_STALL_SECONDS
// into `environment`. REQUIRES: environment.names is set: under the name
// instar the policy is strict where nothing else is asked for, and logs are
// replayed.
// Returns the words of what is wrong with them, or nothing.
std::optional<std::string> ReadSettings(Environment& environment);

// Limits of a guest with `memory_bytes`, one vCPU and one I/O worker.
vmm::Limits LimitsFor(const Environment& environment, uint64_t memory_bytes);

// The same with a vCPU and an I/O worker for each CPU that the process may run
// on, at most `most`.
vmm::Limits LimitsForWorkers(const Environment& environment,
                             uint64_t memory_bytes, uint32_t most);

// Writes all of `text` with as few calls as the descriptor allows. False: it
// could not be written.
bool WriteAll(int descriptor, std::string_view text);

// Prints `text`, whole lines, on stderr. Returns 1, the exit status.
int Complain(std::string_view text);

// Prints "PROGRAM: TEXT" on stderr. Returns 1, the exit status.
int PrintError(const Environment& environment, std::string_view text);

// As PrintError, for the file that files.OpenSource has just refused. `name`:
// what the user called it, where that is not its path.
int PrintOpenError(const Environment& environment, const vmm::Files& files,
                   const std::string& name = {});
int PrintOpenError(const Environment& environment, const vmm::FileError& error,
                   const std::string& name = {});

// The host's last file error in the words of compat/.
compat::FileProblem ProblemOf(const vmm::FileError& error);

// One run of a guest.
class Session final : public vmm::Events {
 public:
  // `files` must outlive the session.
  Session(const Environment& environment, vmm::Files& files,
          compat::CommandKind command);

  // Called for every finding but a failure. May be empty.
  std::function<void(const proto::Finding&)> on_finding;
  // Where it is set, what went wrong is stored there, without the program's
  // name, and not printed.
  std::string* error_text = nullptr;
  // Nothing is said of what --salvage leaves out.
  bool quiet_warnings = false;
  // An image that needs a repair is repaired here; else by the command.
  bool repairs = true;
  // Called as vmm::Events::OnProgress is. May be empty.
  std::function<void(uint64_t done, uint64_t all)> on_progress;
  // What the user called the file of a slot, where that is not its path.
  std::map<uint32_t, std::string> shown_names;
  // For messages of create and convert; what else they need of the target is
  // in the configuration.
  std::string target_path;
  std::string target_format;
  std::string bitmap_name;    // for messages of bitmap
  std::string snapshot_name;  // for messages of snapshot
  compat::LayersCall layers;  // for those of rebase and commit

  // True: the guest has done what it was asked. Otherwise the error line has
  // been printed; exit with 1. A guest that finds that the image which it is to
  // change needs a repair runs again after that.
  bool Run(std::span<const uint8_t> image, const proto::Config& config,
           const vmm::Limits& limits);

  compat::CommandKind command() const { return command_; }

  // What the guest said was wrong, if it did.
  const std::optional<proto::Failure>& failure() const { return failure_; }

  void OnFinding(const proto::Finding& finding) override;
  void OnProgress(uint64_t done, uint64_t all) override;

 private:
  // Runs the guest once. What went wrong is in failure_ or, where that is
  // empty, in `verdict`.
  bool RunOnce(std::span<const uint8_t> image, const proto::Config& config,
               const vmm::Limits& limits, std::string& verdict);
  bool NeedsRepair(const proto::Failure& failure) const;
  void PrintWarning(const proto::Failure& warning);
  compat::FailureContext ContextFor(const proto::Config& config) const;

  const Environment& environment_;
  vmm::Files& files_;
  const compat::CommandKind command_;
  std::optional<proto::Failure> failure_;
};

}  // namespace instar::cmd
