#include <utility>

#include "compat/targets/targets.h"

namespace instar::compat {

std::string EnumError(const Profile& profile, std::string_view parameter,
                      std::string_view value) {
  if (!profile.enum_errors_name_value)
    return "Invalid parameter '" + std::string(value) + "'";
  return "Parameter '" + std::string(parameter) + "' does not accept value '" +
         std::string(value) + "'";
}

bool ReadPreallocation(std::string_view text, proto::CreateTarget& target) {
  constexpr std::pair<std::string_view, proto::Preallocation> kModes[] = {
      {"off", proto::PREALLOCATION_OFF},
      {"metadata", proto::PREALLOCATION_METADATA},
      {"falloc", proto::PREALLOCATION_FALLOC},
      {"full", proto::PREALLOCATION_FULL},
  };
  for (const auto& [name, mode] : kModes) {
    if (name != text)
      continue;
    target.set_preallocation(mode);
    return true;
  }
  return false;
}

}  // namespace instar::compat
