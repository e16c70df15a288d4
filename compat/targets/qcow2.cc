#include <algorithm>
#include <limits>

#include "compat/targets/targets.h"

namespace instar::compat {
namespace {

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

}  // namespace

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
    if (name->empty() && out.creation_error.empty())
      out.creation_error = "Could not create '': No such file or directory";
  }
  qcow2.set_data_file_raw(options.Bool("data_file_raw").value_or(false));
  if (out.creation_error.empty())
    out.creation_error = ReadQcow2Names(options, profile, out.target);
}

}  // namespace instar::compat
