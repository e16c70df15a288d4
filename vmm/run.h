// Runs one guest to its end inside a jail.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "gen/guest.pb.h"
#include "vmm/files.h"

namespace instar::vmm {

enum class JailKind : uint8_t { kAuto, kKvm, kProcess };

struct Limits {
  JailKind jail = JailKind::kAuto;
  uint64_t memory_bytes = 16 << 20;  // of the guest, arena included
  uint32_t num_vcpus = 1;            // that the guest may start
  // Threads that move file bytes, vCPU 0's own included.
  uint32_t io_workers = 1;
  uint32_t stall_seconds = 60;  // a guest that asks nothing for so long ends
  // Of all findings together; more breaks a rule. 0: no bound, for operations
  // that stream their findings.
  uint64_t findings_bytes = 64 << 20;
  // Leave this process only the system calls of vmm/narrow.cc, for good.
  bool narrow = true;
};

// What the run tells the command while it goes on. Called on the thread that
// called Run, in the order in which the guest said it.
class Events {
 public:
  virtual ~Events() = default;
  virtual void OnFinding(const proto::Finding& finding) = 0;
  virtual void OnProgress(uint64_t done, uint64_t all) = 0;
};

enum class Verdict : uint8_t {
  kDone,       // the guest said that it is done; see Outcome::success
  kBrokeRule,  // an invalid request, a fault, an exit: the guest is not ours
  kStalled,    // no progress by the deadline
  kNoJail,     // the wanted jail cannot be had here
  kHostError,  // out of memory, threads, …
};

struct Outcome {
  Verdict verdict = Verdict::kHostError;
  bool success = false;  // kDone: what the guest said
  std::string detail;    // one line for people, empty on success
};

// `image`: the ELF of a guest binary (see proto/abi.h). The files keep their
// descriptors and locks until `files` is destroyed.
Outcome Run(std::span<const uint8_t> image, const proto::Config& config,
            Files& files, const Limits& limits, Events& events);

}  // namespace instar::vmm
