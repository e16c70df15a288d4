// What holds a guest. Both jails implement this; nothing above it knows which
// one it is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proto/abi.h"
#include "vmm/guest_memory.h"

namespace instar::vmm {

// Where a vCPU begins.
struct VcpuStart {
  uint32_t index = 0;
  uint64_t entry = 0;  // guest addresses
  uint64_t stack = 0;
  uint64_t local = 0;
};

// Why the guest is not running, or asks for attention.
struct VcpuExit {
  enum class Kind : uint8_t {
    kDoorbell,
    kInterrupted,  // by Interrupt() or the passing of time; resume it
    kFault,        // the guest is at its end; `detail` says why
    kUnusable,     // the jail does not work here; the guest never ran
  };
  Kind kind = Kind::kInterrupted;
  uint32_t doorbell = 0;  // abi::Doorbell as the guest wrote it, unchecked
  std::string detail = {};
};

class Vcpu {
 public:
  virtual ~Vcpu() = default;

  // Lets the guest go on until it rings, faults or is interrupted; returns
  // from time to time. Always called on the thread that made the Vcpu.
  virtual VcpuExit Resume() = 0;
  // Makes the current or the next Resume return soon. From any thread.
  virtual void Interrupt() = 0;
};

class Jail {
 public:
  virtual ~Jail() = default;

  // A vCPU that has not run yet, for the calling thread, or null and `error`.
  // Any thread. The Vcpu is destroyed on that thread, before the Jail.
  virtual std::unique_ptr<Vcpu> NewVcpu(const VcpuStart& start,
                                        std::string* error) = 0;
  virtual abi::Jail kind() const = 0;
  // Where the guest runs on while the host serves a doorbell, and so sleeps on
  // Ring::event by itself.
  virtual bool guest_runs_beside() const = 0;
};

// Null and `error` where the jail cannot be had. `memory` outlives the jail,
// has its map set and its content loaded; the KVM jail adds page tables.
std::unique_ptr<Jail> NewKvmJail(const GuestMemory& memory, std::string* error);
std::unique_ptr<Jail> NewProcessJail(const GuestMemory& memory,
                                     std::string* error);

}  // namespace instar::vmm
