// The words for what is wrong with an image or with what was asked for, one
// for each fault, without the sentence around them.
#pragma once

#include <string>

#include "gen/guest.pb.h"

namespace instar::compat {

std::string FaultText(const proto::Failure& failure);

// What the system calls an errno: "No such file or directory".
std::string ErrnoText(int error);

}  // namespace instar::compat
