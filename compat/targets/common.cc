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

void SetLateError(const std::string& error, TargetOptions& out) {
  if (!out.creation_error.empty())
    return;
  out.creation_error = error;
  out.error_leaves_file = true;
}

void CheckFilePreallocation(const CreateOptions& options, TargetOptions& out) {
  const auto mode = options.Text("preallocation");
  proto::CreateTarget target;
  if (!mode || !out.creation_error.empty())
    return;
  if (!ReadPreallocation(*mode, target))
    out.creation_error = "invalid parameter value: " + *mode;
  else if (target.preallocation() == proto::PREALLOCATION_METADATA)
    SetLateError("Unsupported preallocation mode: metadata", out);
}

void ReadSubformat(const CreateOptions& options, const Profile& profile,
                   TargetOptions& out) {
  const auto subformat = options.Text("subformat");
  if (!subformat)
    return;
  out.target.mutable_block()->set_fixed(*subformat == "fixed");
  if (*subformat != "fixed" && *subformat != "dynamic")
    SetLateError(EnumError(profile, "subformat", *subformat), out);
}

}  // namespace instar::compat
