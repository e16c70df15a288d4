// What a hostile guest is made of: the ABI and no runtime. A guest defines
// Attack, and may break any rule in it; the comment in its first line says how
// its run must end (tests/guest/run).
#pragma once

#include <cstdint>

#include "proto/abi.h"

namespace instar::hostile {

// Runs on every vCPU that was started.
void Attack(uint64_t vcpu);

inline volatile abi::Boot& boot() {
  return *reinterpret_cast<volatile abi::Boot*>(abi::kGuestBase +
                                                abi::kBootOffset);
}

inline volatile abi::Ring& RingOf(uint64_t vcpu) {
  return *reinterpret_cast<volatile abi::Ring*>(
      abi::kGuestBase + abi::kRingOffset + vcpu * abi::kRingStride);
}

inline constexpr abi::GuestAddress kArena{abi::kGuestBase + abi::kArenaOffset};

inline uint64_t SystemCall(uint64_t number, uint64_t a = 0, uint64_t b = 0,
                           uint64_t c = 0) {
  uint64_t result = number;
  register uint64_t fourth asm("r10") = 0;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a), "S"(b), "d"(c), "r"(fourth)
               : "rcx", "r11", "memory");
  return result;
}

// Queues a request; the host sees it at the next doorbell.
inline void Submit(uint64_t vcpu, const abi::Request& request) {
  volatile abi::Ring& ring = RingOf(vcpu);
  const uint32_t at = ring.submitted;
  *const_cast<abi::Request*>(&ring.requests[at % abi::kRingEntries]) = request;
  asm volatile("" ::: "memory");
  ring.submitted = at + 1;
}

// Rings, and sleeps until the event count leaves `observed` if asked to.
inline void RingDoorbell(uint64_t vcpu, uint32_t value, uint32_t observed) {
  volatile abi::Ring& ring = RingOf(vcpu);
  ring.observed_event = observed;
  if (boot().jail == abi::Jail::kKvm) {
    *reinterpret_cast<volatile uint32_t*>(abi::kDoorbellAddress) = value;
    return;
  }
  constexpr uint64_t kFutex = 202;
  ring.doorbell_value = value;
  ring.sleeping = value == abi::kDoorbellSleep ? 1 : 0;
  __atomic_add_fetch(&ring.doorbell, 1, __ATOMIC_SEQ_CST);
  SystemCall(kFutex, reinterpret_cast<uint64_t>(&ring.doorbell), 1, 1);
  while (value == abi::kDoorbellSleep && ring.event == observed) {
    SystemCall(kFutex, reinterpret_cast<uint64_t>(&ring.event), 0, observed);
  }
  ring.sleeping = 0;
}

// Submits one request and waits for its result.
inline int64_t Call(uint64_t vcpu, const abi::Request& request) {
  volatile abi::Ring& ring = RingOf(vcpu);
  Submit(vcpu, request);
  while (ring.completed == ring.consumed) {
    const uint32_t seen = ring.event;
    if (ring.completed == ring.consumed) {
      RingDoorbell(vcpu, abi::kDoorbellSleep, seen);
    }
  }
  const int64_t result =
      ring.completions[ring.consumed % abi::kRingEntries].result;
  ring.consumed = ring.consumed + 1;
  return result;
}

[[noreturn]] inline void Done(bool success = true) {
  Call(0, {.call = abi::Call::kDone, .offset = success ? 0U : 1U});
  for (;;) {
  }
}

}  // namespace instar::hostile
