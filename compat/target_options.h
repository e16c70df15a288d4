// From -o options to the configuration of a new image, with what qemu-img
// finds wrong with them only when it makes the image.
#pragma once

#include <optional>
#include <string>

#include "compat/create_options.h"
#include "compat/profile.h"
#include "gen/guest.pb.h"

namespace instar::compat {

struct TargetOptions {
  // All but the slots and the size.
  proto::CreateTarget target;
  // Something that this program cannot do yet; ends the command before
  // anything is touched. Empty: nothing.
  std::string unsupported;
  // An error of the format's driver, due where a guest's would be. Empty:
  // none.
  std::string creation_error;
  // That error is found when the output's file has been made, empty, and it
  // stays. (`convert` does not follow: a source may be the same file.)
  bool error_leaves_file = false;
  // The format has words of its own for a size that no file has.
  bool format_checks_size = false;
  // How the host makes the files; the guest does not know of it.
  bool nocow = false;
  std::optional<uint32_t> extent_size_hint;  // bytes; absent: qemu-img's own
};

TargetOptions ReadTargetOptions(const FormatRow& format,
                                const CreateOptions& options,
                                const Profile& profile);

// "X is not supported by this version of instar"
std::string Unsupported(std::string_view what);

// What is said of an image that is to be shared (-U) and written at once.
std::string SharedWriteError(std::string_view image);

}  // namespace instar::compat
