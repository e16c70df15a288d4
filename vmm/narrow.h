// Takes from the host process every system call that a run does not need.
#pragma once

namespace instar::vmm {

// For the whole process, for good; a forbidden call kills it. Does nothing
// where the system does not offer it: the guest's jail does not depend on it.
void NarrowHost();

}  // namespace instar::vmm
