// The command line of a subcommand that looks at one image: what all of them
// understand is read here, what is one's own by itself.
//
//   ImageCall call;
//   const auto status = ReadImageCall(
//       environment, "map", arguments, call,
//       [&](const compat::ParsedOption& option) { return ReadOwn(option); });
//   if (status) return *status;
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "cmd/command.h"
#include "compat/options.h"

namespace instar::cmd {

struct ImageCall {
  std::string filename;
  std::optional<std::string> format;  // -f
  std::string output = "human";       // --output: that or json
  bool force_share = false;           // -U
  bool image_opts = false;            // --image-opts
};

// Does what an option of the subcommand's own asks for; others are no concern
// of it. Returns the exit status, after a message, if the command ends there.
using OwnOption =
    std::function<std::optional<int>(const compat::ParsedOption&)>;

// Reads the words behind `command`. Returns as OwnOption does: also after
// --help, which ends with 0.
std::optional<int> ReadImageCall(const Environment& environment,
                                 const char* command,
                                 const Arguments& arguments, ImageCall& call,
                                 const OwnOption& own);

// Prints the help of `command`. Returns the exit status.
int PrintCommandHelp(const Environment& environment, const char* command);

// Reads a number of bytes from `least` to `greatest`, with its unit; `what`
// names it in the message. Nothing after that: the command ends with 1.
std::optional<uint64_t> ReadBytes(
    const Environment& environment, std::string_view what,
    const std::string& text, int64_t least = 0,
    int64_t greatest = std::numeric_limits<int64_t>::max());

}  // namespace instar::cmd
