// The words for an output that was made, but could not be written to its end:
// each format has its own.
#pragma once

#include <string>

#include "gen/guest.pb.h"

namespace instar::compat {

// What qemu-img says of the first step that fails, with the reason where it
// tells one. `failure`: FAULT_ERRNO at STAGE_CREATE, whose value is the offset
// in the file; `target`: what was asked for.
std::string CreationStepText(const proto::Failure& failure,
                             const proto::CreateTarget& target);

}  // namespace instar::compat
