// Executes one file call of a guest. Nothing here looks at the bytes.
#pragma once

#include <cstdint>

#include "proto/abi.h"
#include "vmm/files.h"
#include "vmm/guest_memory.h"

namespace instar::vmm {

// The result for the completion: as the call says, or a negative errno.
// REQUIRES: IsFileCall(request.call), and CheckRequest found nothing.
int64_t ExecuteFileCall(const abi::Request& request, Files& files,
                        const GuestMemory& memory);

// Whether it keeps other writers of its file waiting inside the kernel.
bool HoldsFile(const abi::Request& request, Files& files);

}  // namespace instar::vmm
