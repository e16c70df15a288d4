// What --version prints.
#pragma once

#include <string>

#include "compat/profile.h"

namespace instar::compat {

// "qemu-img version X.Y.Z" and the copyright line that callers expect below
// it, each with its newline.
std::string VersionText(const Profile& profile);

}  // namespace instar::compat
