#include <algorithm>
#include <utility>

#include "compat/targets/targets.h"

namespace instar::compat {
namespace {

// What the guest takes of a text (proto/guest.options).
constexpr size_t kMaxTextBytes = 63;

std::string InvalidValue(const std::string& value) {
  return "invalid parameter value: " + value;
}

// False: no such subformat.
bool ReadSubformat(std::string_view text, proto::VmdkOptions& vmdk) {
  constexpr std::pair<std::string_view, proto::VmdkSubformat> kSubformats[] = {
      {"monolithicSparse", proto::VMDK_MONOLITHIC_SPARSE},
      {"monolithicFlat", proto::VMDK_MONOLITHIC_FLAT},
      {"twoGbMaxExtentSparse", proto::VMDK_TWO_GB_MAX_EXTENT_SPARSE},
      {"twoGbMaxExtentFlat", proto::VMDK_TWO_GB_MAX_EXTENT_FLAT},
      {"streamOptimized", proto::VMDK_STREAM_OPTIMIZED},
  };
  for (const auto& [name, subformat] : kSubformats) {
    if (name != text)
      continue;
    vmdk.set_subformat(subformat);
    return true;
  }
  return false;
}

bool IsFlat(const proto::VmdkOptions& vmdk) {
  return vmdk.subformat() == proto::VMDK_MONOLITHIC_FLAT ||
         vmdk.subformat() == proto::VMDK_TWO_GB_MAX_EXTENT_FLAT;
}

// What the file below refuses; it is made without space set aside.
std::string ReadFilePreallocation(const CreateOptions& options) {
  const auto text = options.Text("preallocation");
  proto::CreateTarget unused;
  if (!text)
    return {};
  if (!ReadPreallocation(*text, unused))
    return InvalidValue(*text);
  return *text == "metadata" ? "Unsupported preallocation mode: metadata" : "";
}

// In the order in which qemu-img looks at the options.
std::string Read(const CreateOptions& options, proto::VmdkOptions& vmdk) {
  constexpr std::string_view kAdapters[] = {"ide", "buslogic", "lsilogic",
                                            "legacyESX"};
  if (options.Text("backing_fmt").value_or("vmdk") != "vmdk")
    return "backing_file must be a vmdk image";
  const std::string adapter = options.Text("adapter_type").value_or("ide");
  if (std::ranges::find(kAdapters, adapter) == std::end(kAdapters))
    return InvalidValue(adapter);
  vmdk.set_adapter_type(adapter);
  const auto subformat = options.Text("subformat");
  if (subformat && !ReadSubformat(*subformat, vmdk))
    return InvalidValue(*subformat);
  const std::string hardware = options.Text("hwversion").value_or("undefined");
  vmdk.set_compat6(options.Bool("compat6").value_or(false));
  if (hardware != "undefined") {
    if (vmdk.compat6())
      return "compat6 cannot be enabled with hwversion set";
    vmdk.set_hardware_version(hardware);
  }
  vmdk.set_tools_version(options.Text("toolsversion").value_or(""));
  if (vmdk.hardware_version().size() > kMaxTextBytes ||
      vmdk.tools_version().size() > kMaxTextBytes)
    return Unsupported("A version of more than 63 bytes");
  vmdk.set_zeroed_grain(options.Bool("zeroed_grain").value_or(false));
  if (IsFlat(vmdk) && options.Text("backing_file"))
    return "Flat image can't have backing file";
  if (IsFlat(vmdk) && vmdk.zeroed_grain())
    return "Flat image can't enable zeroed grain";
  return ReadFilePreallocation(options);
}

}  // namespace

void ReadVmdk(const CreateOptions& options, const Profile& profile,
              TargetOptions& out) {
  proto::VmdkOptions& vmdk = *out.target.mutable_vmdk();
  vmdk.set_writes_tools_version(profile.vmdk_has_tools_version);
  const std::string error = Read(options, vmdk);
  if (!error.empty())
    out.creation_error = error;
}

}  // namespace instar::compat
