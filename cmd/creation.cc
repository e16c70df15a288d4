#include "cmd/creation.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <ctime>

#include "cmd/session.h"
#include "compat/fault_text.h"
#include "compat/filename.h"
#include "compat/image_opts.h"
#include "compat/numbers.h"
#include "compat/target_options.h"

extern "C" {
extern const uint8_t image_convert_begin[];
extern const uint8_t image_convert_end[];
extern const uint8_t image_pack_begin[];
extern const uint8_t image_pack_end[];
}

namespace instar::cmd {
namespace {

// As FindOutputFormat, whatever the output's name.
OutputFormat FindCreatable(const std::string& name) {
  const compat::FormatRow* row = compat::FindFormat(name);
  if (row == nullptr)
    return {nullptr, "Unknown file format '" + name + "'"};
  if (!row->can_create) {
    return {nullptr,
            "Format driver '" + name + "' does not support image creation"};
  }
  return {row, {}};
}

}  // namespace

bool AppendOptionList(const Environment& environment, std::string& list,
                      const std::string& argument) {
  if (!compat::IsOptionList(argument)) {
    PrintError(environment, "Invalid option list: " + argument);
    return false;
  }
  if (!list.empty())
    list += ',';
  list += argument;
  return true;
}

int PrintCreationHelp(const Environment& environment,
                      const std::string& format_name, bool with_file) {
  const OutputFormat format = FindCreatable(format_name);
  if (format.row == nullptr)
    return PrintError(environment, format.error);
  if (format.row->options.empty()) {
    return PrintError(environment,
                      compat::Unsupported("Format '" + format_name + "'"));
  }
  const std::string text =
      compat::CreateOptionsHelp(*format.row, environment.profile, with_file);
  return WriteAll(STDOUT_FILENO, text) ? 0 : 1;
}

OutputFormat FindOutputFormat(const std::string& format_name,
                              std::string_view filename) {
  const compat::FormatRow* known = compat::FindFormat(format_name);
  const compat::ImageName name = compat::ParseImageName(filename);
  const std::string protocol(name.protocol);
  // A name in JSON is one of an image that exists.
  if (known != nullptr && (name.kind == compat::NameKind::kUnknownProtocol ||
                           compat::IsJsonName(filename)))
    return {nullptr, "Unknown protocol '" + protocol + "'"};
  OutputFormat format = FindCreatable(format_name);
  if (format.row == nullptr)
    return format;
  if (name.kind == compat::NameKind::kOtherProtocol)
    return {nullptr, compat::Unsupported("Protocol '" + protocol + "'")};
  if (format.row->options.empty())
    return {nullptr, compat::Unsupported("Format '" + format_name + "'")};
  return format;
}

void PrintWarnings(const Environment& environment,
                   const compat::CreateOptions& options) {
  for (const std::string& value : options.hex_warnings()) {
    WriteAll(STDERR_FILENO, compat::HexSuffixWarning(environment.names, value));
  }
}

void SetCreationModes(const Environment& environment,
                      const compat::TargetOptions& target,
                      vmm::Outputs& outputs) {
  outputs.has_extents = target.target.format() == "vmdk";
  outputs.nocow = target.nocow;
  if (!target.extent_size_hint)
    return;
  outputs.extent_size_hint = *target.extent_size_hint;
  outputs.on_hint_failure = [&environment](int error) {
    WriteAll(STDERR_FILENO,
             compat::WarningLine(environment.names,
                                 "Failed to set extent size hint: " +
                                     compat::ErrnoText(error)));
  };
}

bool RemovesFailedOutput(std::string_view format) {
  return format == "qcow2" || format == "luks";
}

void LeaveEmptyOutput(const Environment& environment,
                      const vmm::Outputs& outputs) {
  vmm::Files files(environment.policy, outputs);
  // Where that fails, the command does so in any case.
  files.OpenReference(0, proto::ROLE_TARGET, {}, {});
}

std::string DeviceProblem(const std::string& path,
                          const proto::CreateTarget& target) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || !S_ISBLK(status.st_mode))
    return {};
  if (target.format() == "qed")
    return "Cannot resize device files";
  constexpr std::string_view kModes[] = {"off", "metadata", "falloc", "full"};
  const std::string mode(kModes[target.preallocation()]);
  if (target.format() == "raw" && mode != "off")
    return "Unsupported preallocation mode '" + mode + "'";
  if (target.format() == "qcow2" && (mode == "falloc" || mode == "full")) {
    return "Could not resize image: Failed to resize underlying file: "
           "Preallocation mode '" +
           mode + "' unsupported for this non-regular file";
  }
  return {};
}

void FillIdentity(const std::string& path, proto::CreateTarget& target) {
  constexpr size_t kRandomBytes = 64;
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.size() <= NAME_MAX)
    target.mutable_vmdk()->set_file_name(name);
  std::string random(kRandomBytes, '\0');
  // So few bytes come whole, once the kernel has any.
  if (getrandom(random.data(), random.size(), 0) !=
      static_cast<ssize_t>(random.size()))
    std::abort();
  target.set_random(random);
  target.set_unix_time(static_cast<uint64_t>(std::time(nullptr)));
}

std::span<const uint8_t> ConvertGuest(bool packed) {
  if (packed)
    return {image_pack_begin, image_pack_end};
  return {image_convert_begin, image_convert_end};
}

int RefuseObject(const Environment& environment) {
  return PrintError(environment, compat::Unsupported("--object"));
}

}  // namespace instar::cmd
