// The creation options of each format: from -o to the configuration of a new
// image. One file a format.
#pragma once

#include <string>
#include <string_view>

#include "compat/target_options.h"

namespace instar::compat {

// What a value from a fixed list of names does not match.
std::string EnumError(const Profile& profile, std::string_view parameter,
                      std::string_view value);

// False: no such mode.
bool ReadPreallocation(std::string_view text, proto::CreateTarget& target);

// Each fills out.target, and out.creation_error where something is wrong.
void ReadRaw(const CreateOptions& options, const Profile& profile,
             TargetOptions& out);
void ReadQcow2(const CreateOptions& options, const Profile& profile,
               TargetOptions& out);

}  // namespace instar::compat
