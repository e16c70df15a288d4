#include "vmm/run.h"

#include <malloc.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "vmm/guest_memory.h"
#include "vmm/image_loader.h"
#include "vmm/jail.h"
#include "vmm/memory_map.h"
#include "vmm/messages.h"
#include "vmm/session.h"

namespace instar::vmm {
namespace {

constexpr uint64_t kHugePage = 2 << 20;

struct Program {
  std::span<const uint8_t> elf;
  Image image;
  std::string config;  // encoded
};

Outcome HostError(const std::string& detail) {
  return {Verdict::kHostError, false, detail};
}

// The limits as the ABI allows them.
Limits Bounded(Limits limits) {
  limits.memory_bytes =
      std::clamp((limits.memory_bytes + kHugePage - 1) & ~(kHugePage - 1),
                 abi::kMinMemoryBytes, abi::kMaxMemoryBytes);
  limits.num_vcpus = std::clamp(limits.num_vcpus, 1U, abi::kMaxVcpus);
  return limits;
}

void FillBootPage(const GuestMemory& memory, const Program& program,
                  const Files& files, const Limits& limits, abi::Jail jail) {
  abi::Boot boot = {};
  boot.version = abi::kVersion;
  boot.jail = jail;
  boot.num_vcpus = limits.num_vcpus;
  boot.config_bytes = static_cast<uint32_t>(program.config.size());
  boot.memory_bytes = memory.size();
  boot.num_slots = files.size();
  boot.flags = files.strict() ? uint32_t{abi::kBootStrictPolicy} : 0U;
  for (uint32_t i = 0; i < boot.num_slots; ++i) {
    boot.slots[i] = files.info(i);
  }
  std::memcpy(memory.at(abi::kBootOffset), &boot, sizeof boot);
  std::memcpy(memory.at(abi::kConfigOffset), program.config.data(),
              program.config.size());
}

bool FillLocals(const GuestMemory& memory, uint32_t num_vcpus) {
  for (uint32_t i = 0; i < num_vcpus; ++i) {
    const uint64_t offset =
        abi::kStackOffset + (i + 1) * abi::kStackStride - sizeof(abi::Local);
    abi::Local local = {};
    local.self = abi::kGuestBase + offset;
    local.vcpu = i;
    if (getrandom(&local.stack_guard, sizeof local.stack_guard, 0) !=
        sizeof local.stack_guard) {
      return false;
    }
    std::memcpy(memory.at(offset), &local, sizeof local);
  }
  return true;
}

std::unique_ptr<Jail> NewJail(JailKind kind, const GuestMemory& memory,
                              std::string* error) {
  return kind == JailKind::kKvm ? NewKvmJail(memory, error)
                                : NewProcessJail(memory, error);
}

// One attempt, in one jail.
Outcome RunIn(JailKind kind, const Program& program, Files& files,
              const Limits& limits, Events& events) {
  const bool kvm = kind == JailKind::kKvm;
  auto memory = GuestMemory::Map(
      limits.memory_bytes,
      kvm ? GuestMemory::Sharing::kPrivate : GuestMemory::Sharing::kChildren);
  if (!memory.has_value()) {
    return HostError(std::string("guest memory: ") + std::strerror(errno));
  }
  std::vector<Area> segments;
  for (const Segment& segment : program.image.segments) {
    segments.push_back(segment.area);
  }
  memory->set_map(BuildMemoryMap(memory->size(), limits.num_vcpus, segments));
  // Before anything is copied: where KVM is missing, this is all that it costs.
  std::string error;
  const std::unique_ptr<Jail> jail = NewJail(kind, *memory, &error);
  if (jail == nullptr) {
    return {Verdict::kNoJail, false, error};
  }
  LoadImage(program.elf, program.image, *memory);
  FillBootPage(*memory, program, files, limits, jail->kind());
  if (!FillLocals(*memory, limits.num_vcpus)) {
    return HostError("no random numbers");
  }
  Session session(*jail, *memory, program.image.entry, files, limits, events);
  return session.Run();
}

}  // namespace

Outcome Run(std::span<const uint8_t> image, const proto::Config& config,
            Files& files, const Limits& limits, Events& events) {
  // An arena of malloc's for each thread would take 64 MiB of RLIMIT_AS.
  mallopt(M_ARENA_MAX, 1);
  SilenceProtobuf();
  Program program{.elf = image, .image = {}, .config = {}};
  const std::string wrong = ParseImage(image, &program.image);
  if (!wrong.empty()) {
    return HostError("guest image: " + wrong);
  }
  if (!config.SerializeToString(&program.config) ||
      program.config.size() > abi::kConfigMaxBytes) {
    return HostError("configuration too long");
  }
  if (files.size() > abi::kBootSlots) {
    return HostError("too many files");
  }
  const Limits bounded = Bounded(limits);
  if (limits.jail != JailKind::kAuto) {
    return RunIn(limits.jail, program, files, bounded, events);
  }
  const Outcome outcome =
      RunIn(JailKind::kKvm, program, files, bounded, events);
  // Nothing was asked of the host yet, so the guest can begin anew.
  return outcome.verdict == Verdict::kNoJail
             ? RunIn(JailKind::kProcess, program, files, bounded, events)
             : outcome;
}

}  // namespace instar::vmm
