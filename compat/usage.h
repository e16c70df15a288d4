// What qemu-img says when it is called wrongly, before any command runs.
#pragma once

#include <string>
#include <string_view>

#include "compat/profile.h"

namespace instar::compat {

// The names that messages use.
struct Names {
  std::string argv0;    // as typed
  std::string program;  // its last part: the prefix of every error line
};

Names NamesOf(std::string_view argv0);

// "qemu-img: TEXT\n". `text` may hold several lines; only the first is
// prefixed, as hints are not.
std::string ErrorLine(const Names& names, std::string_view text);
// "qemu-img: warning: TEXT\n"
std::string WarningLine(const Names& names, std::string_view text);

// The line after a usage error. `command` is empty at program level.
std::string TryLine(const Names& names, const Profile& profile,
                    std::string_view command);

// ErrorLine and TryLine: a wrong call.
std::string UsageError(const Names& names, const Profile& profile,
                       std::string_view command, std::string_view text);

// What -T says to the name of an event. None exists here; a pattern that
// matches nothing is no error. Empty: nothing.
std::string TraceWarning(const Names& names, std::string_view spec);

// A known command that this program does not carry out yet.
std::string UnbuiltCommand(const Names& names, std::string_view command);

// What --output says to anything but human and json: an ErrorLine, with a
// TryLine where the version has one.
std::string OutputFormatError(const Names& names, const Profile& profile,
                              std::string_view command, std::string_view value);

// What -r says to anything but leaks and all.
std::string RepairError(const Names& names, const Profile& profile,
                        std::string_view command, std::string_view value);

}  // namespace instar::compat
