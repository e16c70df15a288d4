// The program answers to its name: qemu-img, qemu-img-VERSION, instar, or a
// subcommand's own name.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cmd/command.h"
#include "cmd/configuration.h"
#include "cmd/session.h"
#include "compat/help.h"
#include "compat/options.h"
#include "compat/version.h"

namespace instar::cmd {
namespace {

using compat::Opt;

// Commands that are not here are known by name only, see compat/help.h.
constexpr Command kBuilt[] = {
    {"amend", &RunAmend},
    {"bench", &RunBench},
    {"bitmap", &RunBitmap},
    {"check", &RunCheck},
    {"commit", &RunCommit},
    {"compare", &RunCompare},
    {"convert", &RunConvert},
    {"create", &RunCreate},
    {"dd", &RunDd},
    {"info", &RunInfo},
    {"map", &RunMap},
    {"measure", &RunMeasure},
    {"rebase", &RunRebase},
    {"resize", &RunResize},
    {"snapshot", &RunSnapshot},
};

int Print(std::string_view text) {
  return WriteAll(STDOUT_FILENO, text) ? 0 : 1;
}

// A command that this program does not carry out: its options are checked and
// its help is there.
int RunUnbuilt(const Environment& environment,
               const compat::CommandText& command, const Arguments& arguments) {
  compat::OptionReader reader(environment.names, environment.profile,
                              command.name, arguments);
  while (const auto option = reader.Next()) {
    if (option->opt == Opt::kHelp) {
      return Print(
          compat::CommandHelp(environment.names, environment.profile, command));
    }
  }
  if (reader.failed())
    return Complain(reader.error());
  return Complain(compat::UnbuiltCommand(environment.names, command.name));
}

int RunCommand(const Environment& environment,
               const compat::CommandText& command, const Arguments& arguments) {
  for (const Command& built : kBuilt)
    if (command.name == built.name)
      return built.run(environment, arguments);
  return RunUnbuilt(environment, command, arguments);
}

// "VERSION" of "qemu-img-VERSION".
std::string_view VersionInName(std::string_view program) {
  constexpr std::string_view kPrefix = "qemu-img-";
  if (!program.starts_with(kPrefix))
    return {};
  return program.substr(kPrefix.size());
}

// Which qemu-img to be: the environment, the program's name, the site's
// configuration, the newest, in this order. Nothing: the text is no version.
std::optional<compat::Version> ChooseVersion(
    const compat::Names& names, const Configuration& configuration) {
  const char* wanted = std::getenv("INSTAR_QEMU_VERSION");
  if (wanted != nullptr && *wanted != '\0')
    return compat::ParseVersion(wanted);
  if (const auto version = compat::ParseVersion(VersionInName(names.program)))
    return version;
  return configuration.version.value_or(compat::kNewest);
}

// `qemu-img [options] COMMAND …`
int RunProgram(const Environment& environment, const Arguments& arguments) {
  const compat::Names& names = environment.names;
  const compat::Profile& profile = environment.profile;
  compat::OptionReader reader(names, profile, "", arguments);
  if (arguments.empty())
    return Complain(
        compat::UsageError(names, profile, "", "Not enough arguments"));
  while (const auto option = reader.Next()) {
    if (option->opt == Opt::kHelp)
      return Print(compat::ProgramHelp(names, profile));
    if (option->opt == Opt::kVersion)
      return Print(compat::VersionText(profile));
    if (option->opt == Opt::kTrace)
      Complain(compat::TraceWarning(names, option->value));
  }
  if (reader.failed())
    return Complain(reader.error());
  Arguments words = reader.operands();
  if (words.empty()) {
    if (!profile.missing_command_is_error_after_trace)
      return 0;
    return Complain(
        compat::UsageError(names, profile, "", "Not enough arguments"));
  }
  const compat::CommandText* command = compat::FindCommand(words.front());
  if (command == nullptr) {
    return Complain(compat::UsageError(names, profile, "",
                                       "Command not found: " + words.front()));
  }
  words.erase(words.begin());
  return RunCommand(environment, *command, words);
}

int Main(int argc, char** argv) {
  Environment environment;
  environment.names = compat::NamesOf(argc > 0 ? argv[0] : "qemu-img");
  const Configuration configuration = ReadConfiguration(kConfigurationPath);
  if (!configuration.error.empty()) {
    return PrintError(environment, std::string(kConfigurationPath) + ": " +
                                       configuration.error);
  }
  const auto version = ChooseVersion(environment.names, configuration);
  if (!version) {
    return PrintError(environment,
                      "INSTAR_QEMU_VERSION: '" +
                          std::string(std::getenv("INSTAR_QEMU_VERSION")) +
                          "' is no version of qemu-img");
  }
  environment.profile = compat::ProfileFor(*version);
  environment.profile.has_own_features = environment.names.program == "instar";
  if (const auto error = ReadSettings(environment))
    return PrintError(environment, *error);
  Apply(configuration, environment);

  const Arguments arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (const auto* command = compat::FindCommand(environment.names.program))
    return RunCommand(environment, *command, arguments);
  return RunProgram(environment, arguments);
}

}  // namespace
}  // namespace instar::cmd

int main(int argc, char** argv) {
  // A reader that has gone, or a limit on the size of files, is an error of
  // the call that met it, as it is in qemu-img.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return instar::cmd::Main(argc, argv);
}
