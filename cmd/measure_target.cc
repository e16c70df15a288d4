#include "cmd/measure_target.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "cmd/creation.h"
#include "compat/target_options.h"

namespace instar::cmd {
namespace {

using compat::CreateOptions;

MeasureTarget Wrong(std::string errors,
                    proto::MeasureEnd due = proto::MEASURE_END_OPENED) {
  MeasureTarget out;
  out.errors = std::move(errors);
  out.due = due;
  return out;
}

// Keeps the first error.
void Refuse(MeasureTarget& out, std::string errors, proto::MeasureEnd due) {
  if (out.errors.empty()) {
    out.errors = std::move(errors);
    out.due = due;
  }
}

bool ReadPreallocation(const std::string& text, proto::CreateTarget& target) {
  constexpr std::pair<std::string_view, proto::Preallocation> kModes[] = {
      {"off", proto::PREALLOCATION_OFF},
      {"metadata", proto::PREALLOCATION_METADATA},
      {"falloc", proto::PREALLOCATION_FALLOC},
      {"full", proto::PREALLOCATION_FULL},
  };
  for (const auto& [name, mode] : kModes) {
    if (name == text) {
      target.set_preallocation(mode);
      return true;
    }
  }
  return false;
}

// Objects cannot be defined, so that no secret exists.
std::string SecretError(const CreateOptions& options, const std::string& name) {
  const auto secret = options.Text(name);
  return secret ? "No secret with id '" + *secret + "'"
                : "Parameter '" + name + "' is required for cipher";
}

// qemu-img's own order and words, which are not those of creation: names of
// versions that came later are not known here, and what only creation looks at
// is not looked at.
void ReadQcow2(const CreateOptions& options, MeasureTarget& out) {
  proto::Qcow2Options& qcow2 = *out.target.mutable_qcow2();
  if (const auto size = options.Number("cluster_size"))
    qcow2.set_cluster_size(*size);
  if (const auto extended = options.Bool("extended_l2"))
    qcow2.set_extended_l2(*extended);
  const std::string compat = options.Text("compat").value_or("1.1");
  if (compat != "0.10" && compat != "1.1") {
    Refuse(out, "Invalid compatibility level: '" + compat + "'",
           proto::MEASURE_END_CLUSTERS);
  }
  qcow2.set_version(compat == "0.10" ? 2 : 3);
  if (const auto bits = options.Number("refcount_bits")) {
    const uint64_t most = std::numeric_limits<uint32_t>::max();
    qcow2.set_refcount_bits(static_cast<uint32_t>(std::min(*bits, most)));
  }
  const std::string mode = options.Text("preallocation").value_or("off");
  if (!ReadPreallocation(mode, out.target)) {
    Refuse(out, "invalid parameter value: " + mode, proto::MEASURE_END_OPTIONS);
  }
  if (options.Text("encrypt.format") == "luks") {
    Refuse(out, SecretError(options, "encrypt.key-secret"),
           proto::MEASURE_END_OPTIONS);
  }
}

// Formats that qemu-img makes and does not measure.
void ReadBlocks(const CreateOptions& options, MeasureTarget& out) {
  const std::string subformat = options.Text("subformat").value_or("");
  const bool is_flat = subformat.ends_with("Flat") || subformat == "fixed";
  out.layout.set_fixed(is_flat || options.Bool("static").value_or(false));
  out.layout.set_packed(subformat == "streamOptimized");
  out.layout.set_block_size(options.Number("block_size").value_or(0));
  out.layout.set_log_size(options.Number("log_size").value_or(0));
}

bool HasBlocks(std::string_view format) {
  constexpr std::string_view kFormats[] = {"vmdk", "vpc", "vhdx", "vdi"};
  return std::find(std::begin(kFormats), std::end(kFormats), format) !=
         std::end(kFormats);
}

}  // namespace

MeasureTarget ReadMeasureTarget(const Environment& environment,
                                const std::string& format,
                                const std::string& option_list) {
  const compat::FormatRow* row = compat::FindFormat(format);
  if (row == nullptr)
    return Wrong("Unknown file format '" + format + "'");
  if (!row->can_create) {
    return Wrong("Format driver '" + format +
                 "' does not support image creation");
  }
  if (row->options.empty() && !option_list.empty())
    return Wrong(compat::Unsupported("-o for format '" + format + "'"));
  CreateOptions options(*row, environment.profile);
  if (const auto error = options.Parse(option_list)) {
    return Wrong(*error + '\n' + environment.names.program +
                 ": Invalid options for file format '" + format + "'");
  }
  PrintWarnings(environment, options);

  MeasureTarget out;
  out.target.set_format(format);
  out.has_backing_file = options.Text("backing_file").has_value();
  if (const auto size = options.Number("size"))
    out.target.set_size(*size);
  const bool own_features = environment.profile.has_own_features;
  if (format == "qcow2") {
    ReadQcow2(options, out);
  } else if (format == "luks") {
    Refuse(out, SecretError(options, "key-secret"), proto::MEASURE_END_OPENED);
  } else if (own_features && HasBlocks(format)) {
    ReadBlocks(options, out);
  } else if (format != "raw") {
    return Wrong("Block driver '" + format +
                 "' does not support size measurement");
  }
  return out;
}

}  // namespace instar::cmd
