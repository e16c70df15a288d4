// The rules that a request must obey. A guest that breaks one is not ours any
// more: its run ends. What merely fails (a full disk) is a result instead.
#pragma once

#include <string>

#include "proto/abi.h"
#include "vmm/files.h"
#include "vmm/guest_memory.h"

namespace instar::vmm {

// Which rule `request`, the host's own copy, breaks; an empty string: none.
std::string CheckRequest(const abi::Request& request, uint32_t num_vcpus,
                         Files& files, const GuestMemory& memory);

// Whether a worker may execute it beside others: transfers and the like.
bool IsFileCall(abi::Call call);

}  // namespace instar::vmm
