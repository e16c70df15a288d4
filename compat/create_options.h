// The -o options with which an image is created: what each format knows, how
// a list is read, and the line that says what is being made.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compat/profile.h"

namespace instar::compat {

enum class OptionType : uint8_t { kString, kBool, kNumber, kSize };

struct CreateOption {
  const char* name;
  OptionType type;
  const char* fallback;  // shown where the user left it out; null: not shown
  const char* help;
  // Belongs to the file below the format: help lists it only where a file
  // name was given.
  bool of_protocol = false;
  bool Profile::*needs = nullptr;  // null: every version has it
};

// A format as the command line knows it.
struct FormatRow {
  const char* name;
  bool can_create;    // qemu-img can
  bool can_compress;  // qemu-img convert -c can
  // The options, in the order of the Formatting line. Empty: known by name,
  // and not made by this program yet.
  std::span<const CreateOption> options;
};

// Null: no such format.
const FormatRow* FindFormat(std::string_view name);
// The formats that this program reads or writes, for help, separated by
// spaces.
std::string SupportedFormats();

// Whether an argument of -o is a list at all: not empty, and no comma at an
// end that stands for nothing. Errors say "Invalid option list: …".
bool IsOptionList(std::string_view text);
// Whether one of the list's elements is "help" or "?".
bool AsksForHelp(std::string_view list);

// A line for each option, sorted. `with_protocol`: also those of the file.
std::string OptionLines(const FormatRow& format, const Profile& profile,
                        bool with_protocol);
// The text of `-o help`. `with_protocol`: a file name was given.
std::string CreateOptionsHelp(const FormatRow& format, const Profile& profile,
                              bool with_protocol);

class CreateOptions {
 public:
  // `format` must have options.
  CreateOptions(const FormatRow& format, const Profile& profile);

  // Reads `a=b,c,,d=e,flag,noflag`; a later value of an option replaces an
  // earlier one. Returns what is wrong, in one or more lines without a prefix,
  // or nothing.
  std::optional<std::string> Parse(std::string_view list);
  // Values that warn: hexadecimal sizes with a suffix, as typed.
  const std::vector<std::string>& hex_warnings() const { return hex_warnings_; }

  bool Knows(std::string_view name) const;
  // REQUIRES: Knows(name).
  void Set(std::string_view name, std::string_view text);
  void SetNumber(std::string_view name, uint64_t number);

  // Nothing where the user left it out or the format does not know it.
  std::optional<std::string> Text(std::string_view name) const;
  std::optional<uint64_t> Number(std::string_view name) const;
  std::optional<bool> Bool(std::string_view name) const;

  // "Formatting 'NAME', fmt=… …" with its newline.
  std::string FormattingLine(std::string_view filename) const;

 private:
  struct Value {
    std::string text;  // as typed
    uint64_t number = 0;
    bool flag = false;
  };

  // The option's place in the format's list, or its length.
  size_t IndexOf(std::string_view name) const;
  const Value* Find(std::string_view name) const;
  std::optional<std::string> ParseOne(std::string_view name,
                                      std::string_view text);

  const FormatRow& format_;
  const Profile& profile_;
  std::vector<std::optional<Value>> values_;  // parallel to format_.options
  std::vector<std::string> hex_warnings_;
};

}  // namespace instar::compat
