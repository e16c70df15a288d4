#include "compat/target_options.h"

#include <algorithm>
#include <limits>

namespace instar::compat {
namespace {

// What a value from a fixed list of names does not match.
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

void ReadRaw(const CreateOptions& options, TargetOptions& out) {
  const auto preallocation = options.Text("preallocation");
  if (preallocation && !ReadPreallocation(*preallocation, out.target))
    out.creation_error = "invalid parameter value: " + *preallocation;
}

// The names that stand for something in `compat`; 0: none.
uint32_t VersionOf(std::string_view compat) {
  if (compat == "0.10" || compat == "v2")
    return 2;
  if (compat == "1.1" || compat == "v3")
    return 3;
  return 0;
}

// Options with names for values, in the order in which qemu-img looks at them.
std::string ReadQcow2Names(const CreateOptions& options, const Profile& profile,
                           proto::CreateTarget& target) {
  proto::Qcow2Options& qcow2 = *target.mutable_qcow2();
  if (const auto compat = options.Text("compat")) {
    const uint32_t version = VersionOf(*compat);
    if (version == 0)
      return EnumError(profile, "version", *compat);
    qcow2.set_version(version);
  }
  const auto backing_format = options.Text("backing_fmt");
  if (backing_format && FindFormat(*backing_format) == nullptr)
    return EnumError(profile, "backing-fmt", *backing_format);
  const auto preallocation = options.Text("preallocation");
  if (preallocation && !ReadPreallocation(*preallocation, target))
    return EnumError(profile, "preallocation", *preallocation);
  if (const auto compression = options.Text("compression_type")) {
    if (*compression != "zlib" && *compression != "zstd")
      return EnumError(profile, "compression-type", *compression);
    qcow2.set_compression(*compression == "zstd" ? proto::COMPRESSION_ZSTD
                                                 : proto::COMPRESSION_ZLIB);
  }
  if (backing_format && !options.Text("backing_file"))
    return "Backing format cannot be used without backing file";
  return {};
}

void ReadQcow2(const CreateOptions& options, const Profile& profile,
               TargetOptions& out) {
  proto::Qcow2Options& qcow2 = *out.target.mutable_qcow2();
  if (const auto size = options.Number("cluster_size"))
    qcow2.set_cluster_size(*size);
  if (const auto bits = options.Number("refcount_bits")) {
    const uint64_t most = std::numeric_limits<uint32_t>::max();
    qcow2.set_refcount_bits(static_cast<uint32_t>(std::min(*bits, most)));
  }
  if (const auto lazy = options.Bool("lazy_refcounts"))
    qcow2.set_lazy_refcounts(*lazy);
  if (const auto extended = options.Bool("extended_l2"))
    qcow2.set_extended_l2(*extended);
  if (const auto name = options.Text("data_file")) {
    qcow2.set_data_file(*name);
    if (name->empty())
      out.creation_error = "Could not create '': No such file or directory";
  }
  qcow2.set_data_file_raw(options.Bool("data_file_raw").value_or(false));
  if (out.creation_error.empty())
    out.creation_error = ReadQcow2Names(options, profile, out.target);
}

std::string FindUnsupported(const FormatRow& format,
                            const CreateOptions& options) {
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

TargetOptions ReadTargetOptions(const FormatRow& format,
                                const CreateOptions& options,
                                const Profile& profile) {
  TargetOptions out;
  out.target.set_format(format.name);
  out.target.set_backing_file(options.Text("backing_file").value_or(""));
  out.target.set_backing_format(options.Text("backing_fmt").value_or(""));
  out.unsupported = FindUnsupported(format, options);
  const bool is_qcow2 = std::string_view(format.name) == "qcow2";
  if (is_qcow2)
    ReadQcow2(options, profile, out);
  else
    ReadRaw(options, out);
  const uint64_t size = options.Number("size").value_or(0);
  if (size > uint64_t{std::numeric_limits<int64_t>::max()} &&
      out.creation_error.empty()) {
    out.creation_error =
        is_qcow2 ? "Could not resize image: Image size cannot be negative"
                 : "Could not resize file: Invalid argument";
  }
  return out;
}

}  // namespace instar::compat
