#include "compat/usage.h"

namespace instar::compat {

Names NamesOf(std::string_view argv0) {
  Names names;
  names.argv0 = argv0;
  const size_t slash = argv0.rfind('/');
  names.program =
      slash == std::string_view::npos ? argv0 : argv0.substr(slash + 1);
  return names;
}

std::string ErrorLine(const Names& names, std::string_view text) {
  return names.program + ": " + std::string(text) + "\n";
}

std::string WarningLine(const Names& names, std::string_view text) {
  return names.program + ": warning: " + std::string(text) + "\n";
}

std::string TryLine(const Names& names, const Profile& profile,
                    std::string_view command) {
  std::string line = "Try '";
  if (!profile.hint_names_command) {
    line += "qemu-img";  // whatever the program's own name
  } else {
    line += names.argv0;
    if (!command.empty())
      line += " " + std::string(command);
  }
  line += " --help' for more ";
  line += profile.hint_says_info ? "info\n" : "information\n";
  return line;
}

std::string UsageError(const Names& names, const Profile& profile,
                       std::string_view command, std::string_view text) {
  return ErrorLine(names, text) + TryLine(names, profile, command);
}

std::string TraceWarning(const Names& names, std::string_view spec) {
  constexpr std::string_view kEnable = "enable=";
  std::string_view event = spec.substr(0, spec.find(','));
  if (event.starts_with(kEnable))
    event.remove_prefix(kEnable.size());
  if (event.empty() || event.find_first_of("*=") != std::string_view::npos)
    return {};
  return WarningLine(names,
                     "trace event '" + std::string(event) + "' does not exist");
}

std::string UnbuiltCommand(const Names& names, std::string_view command) {
  return ErrorLine(names, std::string(command) +
                              ": not supported by this version of instar");
}

std::string OutputFormatError(const Names& names, const Profile& profile,
                              std::string_view command,
                              std::string_view value) {
  if (!profile.output_error_quotes_value) {
    return ErrorLine(names,
                     "--output must be used with human or json as argument.");
  }
  std::string text = "--output expects 'human' or 'json'";
  if (profile.output_error_has_comma)
    text += ",";
  text += " not '" + std::string(value) + "'";
  return UsageError(names, profile, command, text);
}

std::string RepairError(const Names& names, const Profile& profile,
                        std::string_view command, std::string_view value) {
  if (!profile.output_error_quotes_value) {
    return UsageError(
        names, profile, command,
        "Unknown option value for -r (expecting 'leaks' or 'all'): " +
            std::string(value));
  }
  std::string text = "--repair (-r) expects 'leaks' or 'all'";
  if (profile.output_error_has_comma)
    text += ",";
  text += " not '" + std::string(value) + "'";
  return UsageError(names, profile, command, text);
}

}  // namespace instar::compat
