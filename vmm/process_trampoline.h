// The last code that a child of the process jail runs before the guest. It
// lives in the guest's region, because it unmaps everything else.
#pragma once

#include <cstddef>
#include <cstdint>

namespace instar::vmm {

// Everything that the trampoline needs, beside it on its page; guest addresses.
struct TrampolineArguments {
  uint64_t below_end;    // unmap [0, below_end)
  uint64_t above_begin;  // unmap [above_begin, +above_length)
  uint64_t above_length;
  uint64_t filter;  // sock_fprog
  uint64_t local;   // fs.base
  uint64_t stack;
  uint64_t entry;
  uint64_t index;
  uint64_t fx_state;  // 512 bytes: the state of a fresh FPU
};

// Position-independent; entered with TrampolineArguments* in rdi and its own
// stack unused. Exits with 64 + step where a step fails.
extern "C" const uint8_t instar_trampoline_begin[];
extern "C" const uint8_t instar_trampoline_end[];

}  // namespace instar::vmm
