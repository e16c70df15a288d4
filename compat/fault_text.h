// The words for what is wrong with an image or with what was asked for, one
// for each fault, without the sentence around them.
#pragma once

#include <string>
#include <string_view>

#include "gen/guest.pb.h"

namespace instar::compat {

// `path` is the image's, for the few that name it.
std::string FaultText(const proto::Failure& failure,
                      std::string_view path = {});

// The line that qemu-img prints about a fault before its own error, behind its
// name as any error; empty: none.
std::string PrecedingText(const proto::Failure& failure);

// What the system calls an errno: "No such file or directory".
std::string ErrnoText(int error);

}  // namespace instar::compat
