// The page tables of a KVM guest, in the part of the region that the guest
// cannot see. Guest address kGuestBase + n is guest-physical n.
#pragma once

#include <cstdint>

#include "vmm/guest_memory.h"

namespace instar::vmm {

// Guest-physical address behind abi::kDoorbellAddress; in no memory slot.
inline constexpr uint64_t kDoorbellPhysical = 0xd000'0000;

// Builds the tables for memory.map() and returns the value of CR3.
uint64_t BuildPageTables(const GuestMemory& memory);

}  // namespace instar::vmm
