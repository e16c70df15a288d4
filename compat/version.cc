#include "compat/version.h"

namespace instar::compat {

std::string VersionText(const Profile& profile) {
  return "qemu-img version " + ToString(profile.version) +
         "\nCopyright (c) 2003-" + std::to_string(profile.copyright_year) +
         " Fabrice Bellard and the QEMU Project developers\n";
}

}  // namespace instar::compat
