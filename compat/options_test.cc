#include "compat/options.h"

#include <gtest/gtest.h>

#include <set>

#include "compat/help.h"
#include "compat/option_text.h"

namespace instar::compat {
namespace {

Profile Of(const char* text) {
  return ProfileFor(ParseVersion(text).value());
}

constexpr const char* kVersions[] = {"5.2",     "6.0",  "6.1",  "6.2",
                                     "7.2",     "8.2",  "9.0",  "10.0.3",
                                     "10.0.13", "10.1", "10.2", "11.1"};

bool HasName(const char* version, const char* command, std::string_view name) {
  for (const OptionRow& row : OptionsOf(command, Of(version)))
    if (row.name != nullptr && name == row.name)
      return true;
  return false;
}

bool HasLetter(const char* version, const char* command, char letter) {
  for (const OptionRow& row : OptionsOf(command, Of(version)))
    if (row.letter == letter)
      return true;
  return false;
}

struct Parsed {
  std::vector<ParsedOption> options;
  std::vector<std::string> operands;
  bool failed = false;
  std::string error;
};

Parsed Parse(const char* version, const char* command,
             const std::vector<std::string>& arguments) {
  const Profile profile = Of(version);
  OptionReader reader(NamesOf("/usr/bin/qemu-img"), profile, command,
                      arguments);
  Parsed parsed;
  while (auto option = reader.Next())
    parsed.options.push_back(*option);
  parsed.failed = reader.failed();
  parsed.error = reader.error();
  if (!parsed.failed)
    parsed.operands = reader.operands();
  return parsed;
}

TEST(OptionsTest, NoVersionHasALetterOrANameTwice) {
  for (const char* version : kVersions) {
    for (const CommandText& command : AllCommands()) {
      std::set<char> letters;
      std::set<std::string> names;
      for (const OptionRow& row : OptionsOf(command.name, Of(version))) {
        if (row.letter != 0) {
          EXPECT_TRUE(letters.insert(row.letter).second)
              << version << " " << command.name << " -" << row.letter;
        }
        if (row.name != nullptr) {
          EXPECT_TRUE(names.insert(row.name).second)
              << version << " " << command.name << " --" << row.name;
        }
        EXPECT_TRUE(row.letter != 0 || row.name != nullptr);
      }
    }
  }
}

TEST(OptionsTest, EveryCommandHasHelpAndEveryOptionAText) {
  for (const CommandText& command : AllCommands())
    EXPECT_TRUE(HasName("5.2", std::string(command.name).c_str(), "help"));
  for (const OptionRow& row : AllOptions())
    EXPECT_STRNE(OptionText(row.opt), "") << row.command;
}

TEST(OptionsTest, OptionsAppearWithTheirRelease) {
  EXPECT_FALSE(HasName("6.0", "convert", "skip-broken-bitmaps"));
  EXPECT_TRUE(HasName("6.1", "convert", "skip-broken-bitmaps"));
  EXPECT_FALSE(HasLetter("6.1", "convert", 'F'));
  EXPECT_TRUE(HasLetter("6.2", "convert", 'F'));
  EXPECT_FALSE(HasName("10.0.3", "convert", "target-format"));
  EXPECT_TRUE(HasName("10.1", "convert", "target-format"));
  EXPECT_FALSE(HasName("8.1", "rebase", "compress"));
  EXPECT_TRUE(HasName("8.2", "rebase", "compress"));
  EXPECT_FALSE(HasName("10.1", "info", "limits"));
  EXPECT_TRUE(HasName("10.2", "info", "limits"));
  EXPECT_FALSE(HasName("10.2", "bitmap", "remove-all"));
  EXPECT_TRUE(HasName("11.1", "bitmap", "remove-all"));
  // Named in qemu-img's help, and never accepted.
  EXPECT_FALSE(HasName("11.1", "convert", "compress"));
}

TEST(OptionsTest, DebianHasItsOwnNames) {
  EXPECT_TRUE(HasName("10.0.13", "convert", "source-snapshot"));
  EXPECT_FALSE(HasName("10.0.13", "convert", "snapshot"));
  EXPECT_TRUE(HasName("10.1", "convert", "snapshot"));
  EXPECT_FALSE(HasLetter("10.0.13", "convert", 'b'));
  EXPECT_TRUE(HasLetter("10.1", "convert", 'b'));
  EXPECT_TRUE(HasLetter("10.0.13", "info", 'b'));
  EXPECT_FALSE(HasLetter("10.1", "info", 'b'));
}

TEST(OptionsTest, OptionsAndOperandsMayMix) {
  const Parsed parsed =
      Parse("7.2", "create", {"a.img", "-qfraw", "1M", "-o", "size=1"});
  ASSERT_EQ(parsed.options.size(), 3u);
  EXPECT_EQ(parsed.options[0].opt, Opt::kQuiet);
  EXPECT_EQ(parsed.options[1].opt, Opt::kFormat);
  EXPECT_EQ(parsed.options[1].value, "raw");
  EXPECT_EQ(parsed.options[2].opt, Opt::kOptions);
  EXPECT_EQ(parsed.operands, (std::vector<std::string>{"a.img", "1M"}));
}

TEST(OptionsTest, LongNamesMayBeShortened) {
  const Parsed parsed = Parse("7.2", "info", {"--back", "--out=json", "x"});
  ASSERT_EQ(parsed.options.size(), 2u);
  EXPECT_EQ(parsed.options[0].opt, Opt::kBackingChain);
  EXPECT_EQ(parsed.options[1].opt, Opt::kOutput);
  EXPECT_EQ(parsed.options[1].value, "json");
}

TEST(OptionsTest, OldVersionsWordTheErrorsThemselves) {
  EXPECT_EQ(Parse("7.2", "create", {"--nosuch"}).error,
            "qemu-img: unrecognized option '--nosuch'\n"
            "Try 'qemu-img --help' for more information\n");
  EXPECT_EQ(Parse("7.2", "create", {"a", "-f"}).error,
            "qemu-img: missing argument for option '-f'\n"
            "Try 'qemu-img --help' for more information\n");
  EXPECT_EQ(Parse("7.2", "create", {"-qx", "a"}).error,
            "qemu-img: unrecognized option '-qx'\n"
            "Try 'qemu-img --help' for more information\n");
}

TEST(OptionsTest, NewVersionsLeaveTheErrorsToGetopt) {
  testing::internal::CaptureStderr();
  const Parsed parsed = Parse("10.1", "info", {"--nosuch"});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "/usr/bin/qemu-img info: unrecognized option '--nosuch'\n");
  EXPECT_TRUE(parsed.failed);
  EXPECT_EQ(parsed.error,
            "Try '/usr/bin/qemu-img info --help' for more information\n");
}

TEST(OptionsTest, TheProgramsOwnOptionsEndAtTheCommand) {
  const Parsed parsed = Parse("7.2", "", {"-T", "x", "info", "-f", "raw"});
  ASSERT_EQ(parsed.options.size(), 1u);
  EXPECT_EQ(parsed.operands, (std::vector<std::string>{"info", "-f", "raw"}));
}

TEST(OptionsTest, ResizeTakesANegativeSizeSince101) {
  EXPECT_TRUE(Parse("10.0.3", "resize", {"f", "-5M"}).failed);
  EXPECT_EQ(Parse("10.1", "resize", {"f", "-5M"}).operands,
            (std::vector<std::string>{"f", "-5M"}));
}

}  // namespace
}  // namespace instar::compat
