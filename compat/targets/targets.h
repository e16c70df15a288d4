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

// Sets out.creation_error, where there is none, for formats that have made an
// empty file by then.
void SetLateError(const std::string& error, TargetOptions& out);

// The preallocation of a file below a format that has none of its own: the
// file is made empty, so that only a wrong mode shows.
void CheckFilePreallocation(const CreateOptions& options, TargetOptions& out);

// Reads `subformat`, "dynamic" or "fixed".
void ReadSubformat(const CreateOptions& options, const Profile& profile,
                   TargetOptions& out);

// Each fills out.target, and out.creation_error where something is wrong.
void ReadRaw(const CreateOptions& options, const Profile& profile,
             TargetOptions& out);
void ReadQcow2(const CreateOptions& options, const Profile& profile,
               TargetOptions& out);
void ReadParallels(const CreateOptions& options, const Profile& profile,
                   TargetOptions& out);
void ReadQcow(const CreateOptions& options, const Profile& profile,
              TargetOptions& out);
void ReadQed(const CreateOptions& options, const Profile& profile,
             TargetOptions& out);
void ReadVdi(const CreateOptions& options, const Profile& profile,
             TargetOptions& out);
void ReadVpc(const CreateOptions& options, const Profile& profile,
             TargetOptions& out);
void ReadVhdx(const CreateOptions& options, const Profile& profile,
              TargetOptions& out);
void ReadVmdk(const CreateOptions& options, const Profile& profile,
              TargetOptions& out);

}  // namespace instar::compat
