#include "cmd/configuration.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace instar::cmd {
namespace {

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// False: no such key, or no such value.
bool Set(Configuration& out, std::string_view key, std::string_view value) {
  if (key == "version") {
    out.version = compat::ParseVersion(value);
    return out.version.has_value();
  }
  if (key == "jail") {
    if (value == "kvm") {
      out.jail = vmm::JailKind::kKvm;
    } else if (value == "process") {
      out.jail = vmm::JailKind::kProcess;
    } else if (value == "auto") {
      out.jail = vmm::JailKind::kAuto;
    } else {
      return false;
    }
    return true;
  }
  if (key == "policy") {
    out.strict = value == "strict";
    return value == "strict" || value == "default";
  }
  if (key == "allow") {
    out.allowed.emplace_back(value);
    return value.starts_with('/');
  }
  return false;
}

}  // namespace

Configuration ParseConfiguration(std::string_view text) {
  Configuration out;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = Trim(line.substr(0, line.find('#')));
    if (line.empty())
      continue;
    const size_t equals = line.find('=');
    const bool understood =
        equals != std::string_view::npos &&
        Set(out, Trim(line.substr(0, equals)), Trim(line.substr(equals + 1)));
    if (!understood && out.error.empty()) {
      out.error = "line " + std::to_string(number) + ": cannot use '" +
                  std::string(line) + "'";
    }
  }
  return out;
}

Configuration ReadConfiguration(const char* path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    Configuration out;
    if (errno != ENOENT && errno != ENOTDIR)
      out.error = std::strerror(errno);
    return out;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return ParseConfiguration(text);
}

void Apply(const Configuration& configuration, Environment& environment) {
  if (configuration.jail && *configuration.jail != vmm::JailKind::kAuto)
    environment.jail = *configuration.jail;
  if (configuration.strict.value_or(false))
    environment.policy.strict = true;
  auto& allowed = environment.policy.allowed;
  allowed.insert(allowed.end(), configuration.allowed.begin(),
                 configuration.allowed.end());
}

}  // namespace instar::cmd
