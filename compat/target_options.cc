#include "compat/target_options.h"

#include <limits>

#include "compat/targets/targets.h"

namespace instar::compat {
namespace {

struct Row {
  std::string_view format;
  void (*read)(const CreateOptions& options, const Profile& profile,
               TargetOptions& out);
};

// Formats above the file, which is made first; raw is its file.
constexpr Row kRows[] = {
    {"qcow2", &ReadQcow2}, {"parallels", &ReadParallels},
    {"qcow", &ReadQcow},   {"qed", &ReadQed},
    {"vdi", &ReadVdi},     {"vhdx", &ReadVhdx},
    {"vpc", &ReadVpc},     {"vmdk", &ReadVmdk},
};

std::string FindUnsupported(const FormatRow& format,
                            const CreateOptions& options) {
  if (std::string_view(format.name) == "qcow")
    return {};  // its driver finds no secret
  if (options.Bool("encryption").value_or(false))
    return Unsupported("Encryption");
  for (const CreateOption& option : format.options) {
    const std::string_view name = option.name;
    if (name.starts_with("encrypt.") && options.Text(name))
      return Unsupported("Encryption");
  }
  if (options.Bool("keep_data_file").value_or(false))
    return Unsupported("keep_data_file");
  return {};
}

}  // namespace

std::string Unsupported(std::string_view what) {
  return std::string(what) + " is not supported by this version of instar";
}

std::string SharedWriteError(std::string_view image) {
  return "Could not open '" + std::string(image) +
         "': force-share=on can only be used with read-only images";
}

TargetOptions ReadTargetOptions(const FormatRow& format,
                                const CreateOptions& options,
                                const Profile& profile) {
  TargetOptions out;
  out.target.set_format(format.name);
  out.target.set_backing_file(options.Text("backing_file").value_or(""));
  out.target.set_backing_format(options.Text("backing_fmt").value_or(""));
  out.unsupported = FindUnsupported(format, options);
  out.nocow = options.Bool("nocow").value_or(false);
  const uint64_t hint = options.Number("extent_size_hint").value_or(0);
  const bool is_large = hint > std::numeric_limits<uint32_t>::max();
  if (options.Number("extent_size_hint"))
    out.extent_size_hint = static_cast<uint32_t>(hint);
  if (std::string_view(format.name) == "raw")
    ReadRaw(options, profile, out);
  if (is_large && out.creation_error.empty())
    out.creation_error = "Extent size hint is too large";
  for (const Row& row : kRows) {
    if (row.format == format.name)
      row.read(options, profile, out);
  }
  const uint64_t size = options.Number("size").value_or(0);
  if (size > uint64_t{std::numeric_limits<int64_t>::max()} &&
      out.creation_error.empty() && !out.format_checks_size) {
    out.creation_error =
        std::string_view(format.name) == "qcow2"
            ? "Could not resize image: Image size cannot be negative"
            : "Could not resize file: Invalid argument";
  }
  return out;
}

}  // namespace instar::compat
