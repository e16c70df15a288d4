#include "compat/usage.h"

#include <gtest/gtest.h>

#include "compat/filename.h"
#include "compat/help.h"
#include "compat/version.h"

namespace instar::compat {
namespace {

Profile Of(const char* text) {
  return ProfileFor(ParseVersion(text).value());
}

TEST(UsageTest, ErrorsCarryTheLastPartOfTheName) {
  const Names names = NamesOf("/opt/bin/qemu-img-7.2");
  EXPECT_EQ(names.argv0, "/opt/bin/qemu-img-7.2");
  EXPECT_EQ(ErrorLine(names, "no"), "qemu-img-7.2: no\n");
  EXPECT_EQ(WarningLine(names, "no"), "qemu-img-7.2: warning: no\n");
}

TEST(UsageTest, TheHintNamesTheCommandSince101) {
  const Names names = NamesOf("./qemu-img");
  EXPECT_EQ(TryLine(names, Of("7.2"), "create"),
            "Try 'qemu-img --help' for more information\n");
  EXPECT_EQ(TryLine(names, Of("10.0.3"), "create"),
            "Try 'qemu-img --help' for more information\n");
  EXPECT_EQ(TryLine(names, Of("10.0.13"), "create"),
            "Try './qemu-img create --help' for more info\n");
  EXPECT_EQ(TryLine(names, Of("10.1"), "create"),
            "Try './qemu-img create --help' for more information\n");
  EXPECT_EQ(TryLine(names, Of("10.1"), ""),
            "Try './qemu-img --help' for more information\n");
}

TEST(UsageTest, OutputFormatErrorsFollowTheVersion) {
  const Names names = NamesOf("qemu-img");
  EXPECT_EQ(OutputFormatError(names, Of("7.2"), "info", "xml"),
            "qemu-img: --output must be used with human or json as "
            "argument.\n");
  EXPECT_EQ(OutputFormatError(names, Of("10.1"), "info", "xml"),
            "qemu-img: --output expects 'human' or 'json', not 'xml'\n"
            "Try 'qemu-img info --help' for more information\n");
  EXPECT_EQ(OutputFormatError(names, Of("10.0.13"), "info", "xml"),
            "qemu-img: --output expects 'human' or 'json' not 'xml'\n"
            "Try 'qemu-img info --help' for more info\n");
}

TEST(UsageTest, UnknownTraceEventsWarn) {
  const Names names = NamesOf("qemu-img");
  EXPECT_EQ(TraceWarning(names, "nosuch"),
            "qemu-img: warning: trace event 'nosuch' does not exist\n");
  EXPECT_EQ(TraceWarning(names, "enable=nosuch,file=log"),
            "qemu-img: warning: trace event 'nosuch' does not exist\n");
  EXPECT_EQ(TraceWarning(names, "bdrv_*"), "");
  EXPECT_EQ(TraceWarning(names, "file=log"), "");
}

TEST(HelpTest, CallersFindWhatTheyGrepFor) {
  for (const char* version : {"5.2", "7.2", "10.0.13", "11.1"}) {
    const std::string help = ProgramHelp(NamesOf("qemu-img"), Of(version));
    // One line: `\\binfo\\b.*-U\\b`.
    const size_t info = help.find("\n  info [");
    ASSERT_NE(info, std::string::npos) << version;
    const std::string line =
        help.substr(info, help.find('\n', info + 1) - info);
    EXPECT_NE(line.find(" [-f fmt] "), std::string::npos) << line;
    EXPECT_NE(line.find(" [-U] filename"), std::string::npos) << line;
    EXPECT_NE(help.find("--target-is-zero"), std::string::npos);
    EXPECT_NE(help.find("\nSupported formats: "), std::string::npos);
    for (const CommandText& command : AllCommands())
      EXPECT_NE(help.find("\n  " + std::string(command.name) + " "),
                std::string::npos);
  }
}

TEST(HelpTest, EachCommandHasItsOwnSince101) {
  const Names names = NamesOf("qemu-img");
  const CommandText& info = *FindCommand("info");
  EXPECT_EQ(CommandHelp(names, Of("7.2"), info), ProgramHelp(names, Of("7.2")));
  const std::string own = CommandHelp(names, Of("10.1"), info);
  EXPECT_EQ(own.rfind("usage: qemu-img info ", 0), 0u);
  EXPECT_NE(own.find("  -U, --force-share"), std::string::npos);
  EXPECT_EQ(own.find("--target-is-zero"), std::string::npos);
}

TEST(VersionTest, HasTheShapeThatCallersParse) {
  EXPECT_EQ(VersionText(Of("7.2.22")),
            "qemu-img version 7.2.22\n"
            "Copyright (c) 2003-2022 Fabrice Bellard and the QEMU Project "
            "developers\n");
}

TEST(FilenameTest, AProtocolStandsBeforeAColonThatNoSlashPrecedes) {
  EXPECT_EQ(ParseImageName("a.img").path, "a.img");
  EXPECT_EQ(ParseImageName("./foo:x").kind, NameKind::kPath);
  EXPECT_EQ(ParseImageName("file:bar").path, "bar");
  EXPECT_EQ(ParseImageName("nbd:x").kind, NameKind::kOtherProtocol);
  EXPECT_EQ(ParseImageName("json:{\"a\": 1}").kind, NameKind::kOtherProtocol);
  EXPECT_EQ(ParseImageName("foo:x").kind, NameKind::kUnknownProtocol);
  EXPECT_EQ(ParseImageName("foo:x").protocol, "foo");
}

}  // namespace
}  // namespace instar::compat
