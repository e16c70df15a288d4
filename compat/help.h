// What --help prints. The words are our own; the shapes are the ones that
// callers search for: every command's synopsis on one line with all of its
// options.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "compat/profile.h"
#include "compat/usage.h"

namespace instar::compat {

struct CommandText {
  std::string_view name;
  std::string_view operands;
  std::string_view what;  // one line
};

// All of qemu-img's commands, by name.
std::span<const CommandText> AllCommands();
// Null: no such command.
const CommandText* FindCommand(std::string_view name);

// "info [-f fmt] … [-U] filename"
std::string Synopsis(const CommandText& command, const Profile& profile);

// `qemu-img --help`.
std::string ProgramHelp(const Names& names, const Profile& profile);

// `qemu-img COMMAND --help`: the whole help before qemu-img had one a command.
std::string CommandHelp(const Names& names, const Profile& profile,
                        const CommandText& command);

}  // namespace instar::compat
