#include "compat/help.h"

#include "compat/create_options.h"
#include "compat/option_text.h"
#include "compat/options.h"
#include "compat/version.h"

namespace instar::compat {
namespace {

constexpr CommandText kCommands[] = {
    {"amend", "filename", "Changes options of an existing image."},
    {"bench", "filename", "Times requests to an image."},
    {"bitmap", "filename bitmap", "Changes an image's persistent bitmaps."},
    {"check", "filename", "Checks an image's metadata, and repairs it."},
    {"commit", "filename", "Writes an overlay into its backing file."},
    {"compare", "filename1 filename2", "Compares what two images hold."},
    {"convert", "filename [filename2 [...]] output_filename",
     "Copies images into a new one."},
    {"create", "filename [size]", "Makes an empty image."},
    {"dd", "[bs=block_size] [count=blocks] [skip=blocks] if=input of=output",
     "Copies an image block by block."},
    {"info", "filename", "Describes an image."},
    {"map", "filename", "Lists where an image's data lies."},
    {"measure", "[filename]", "Says how large a new image would be."},
    {"rebase", "filename", "Changes an image's backing file."},
    {"resize", "filename [+ | -]size", "Changes an image's size."},
    {"snapshot", "filename", "Lists, makes, applies or deletes snapshots."},
};

// Where the descriptions of a list begin.
constexpr size_t kCommandColumn = 12;
constexpr size_t kOptionColumn = 34;

void Pad(std::string& line, size_t column) {
  if (line.size() + 1 < column)
    line.resize(column - 1, ' ');
  line += ' ';
}

// "-f, --format fmt"
std::string Spelling(const OptionRow& row) {
  std::string text;
  if (row.letter != 0)
    text = std::string("-") + row.letter;
  if (row.name != nullptr) {
    if (!text.empty())
      text += ", ";
    text += std::string("--") + row.name;
  }
  if (row.argument != nullptr)
    text += std::string(" ") + row.argument;
  return text;
}

std::string OptionList(std::string_view command, const Profile& profile) {
  std::string text;
  for (const OptionRow& row : OptionsOf(command, profile)) {
    std::string line = "  " + Spelling(row);
    Pad(line, kOptionColumn);
    text += line + OptionText(row.opt) + "\n";
  }
  return text;
}

}  // namespace

std::span<const CommandText> AllCommands() {
  return kCommands;
}

const CommandText* FindCommand(std::string_view name) {
  for (const CommandText& command : kCommands)
    if (command.name == name)
      return &command;
  return nullptr;
}

std::string Synopsis(const CommandText& command, const Profile& profile) {
  std::string text(command.name);
  for (const OptionRow& row : OptionsOf(command.name, profile)) {
    if (row.opt == Opt::kHelp)
      continue;
    text += " [";
    if (row.letter != 0) {
      text += std::string("-") + row.letter;
      if (row.argument != nullptr)
        text += std::string(" ") + row.argument;
    } else {
      text += std::string("--") + row.name;
      if (row.argument != nullptr)
        text += std::string("=") + row.argument;
    }
    text += "]";
  }
  return text + " " + std::string(command.operands);
}

std::string ProgramHelp(const Names& names, const Profile& profile) {
  std::string text = VersionText(profile);
  text += "usage: " + names.program + " [standard options] command [options]\n";
  text += "\nStandard options:\n" + OptionList("", profile);
  if (profile.help_per_command) {
    text += "\nCommands ('" + names.program +
            " COMMAND --help' tells more of each):\n";
    for (const CommandText& command : kCommands) {
      std::string line = "  " + std::string(command.name);
      Pad(line, kCommandColumn);
      text += line + std::string(command.what) + "\n";
    }
  }
  text += "\nCommand syntax:\n";
  for (const CommandText& command : kCommands)
    text += "  " + Synopsis(command, profile) + "\n";
  text += "\nSupported formats: " + SupportedFormats() + "\n";
  return text;
}

std::string CommandHelp(const Names& names, const Profile& profile,
                        const CommandText& command) {
  if (!profile.help_per_command)
    return ProgramHelp(names, profile);
  std::string text = "usage: " + names.program + " " +
                     Synopsis(command, profile) + "\n" +
                     std::string(command.what) + "\n\nOptions:\n" +
                     OptionList(command.name, profile);
  text += "\nSupported formats: " + SupportedFormats() + "\n";
  return text;
}

}  // namespace instar::compat
