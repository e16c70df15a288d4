#include "compat/targets/targets.h"

namespace instar::compat {
namespace {

// What qemu-img says of encryption: it has no secret, so that none can be had.
std::string EncryptionError(const CreateOptions& options,
                            const Profile& profile) {
  const auto format = options.Text("encrypt.format");
  const auto old_name = options.Bool("encryption");
  const auto secret = options.Text("encrypt.key-secret");
  if (format && old_name.value_or(false)) {
    return "'encrypt.format' and its alias 'encryption' can't be used at the "
           "same time";
  }
  if (!format && !old_name.value_or(false))
    return secret ? "Parameter 'encrypt.format' is missing" : "";
  if (format && *format == "luks")
    return "Unsupported encryption format";
  if (format && *format != "aes")
    return EnumError(profile, "format", *format);
  if (!secret)
    return "Parameter 'encrypt.key-secret' is required for cipher";
  return "No secret with id '" + *secret + "'";
}

}  // namespace

void ReadQcow(const CreateOptions& options, const Profile& profile,
              TargetOptions& out) {
  const auto backing_format = options.Text("backing_fmt");
  if (backing_format && FindFormat(*backing_format) == nullptr)
    out.creation_error =
        "unrecognized backing format '" + *backing_format + "'";
  CheckFilePreallocation(options, out);
  if (out.creation_error.empty())
    out.creation_error = EncryptionError(options, profile);
}

}  // namespace instar::compat
