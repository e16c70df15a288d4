// The site's configuration file: what holds for every call on this machine.
//
//   version = 8.2        the qemu-img to answer as
//   jail    = kvm        kvm or process: this one only; auto: either
//   policy  = strict     what images may refer to; default: as without it
//   allow   = /srv/base  a directory that images may refer to; repeatable
//
// A `#` begins a comment. A jail other than auto and a strict policy are
// binding.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/command.h"

namespace instar::cmd {

inline constexpr char kConfigurationPath[] = "/etc/instar.conf";

struct Configuration {
  std::optional<compat::Version> version;
  std::optional<vmm::JailKind> jail;
  std::optional<bool> strict;
  std::vector<std::string> allowed;
  std::string error;  // one line, with the line number; empty: all is well
};

Configuration ParseConfiguration(std::string_view text);

// Nothing is set where there is no such file.
Configuration ReadConfiguration(const char* path);

// What the configuration makes stricter holds whatever the environment asked
// for; the directories to allow add up.
void Apply(const Configuration& configuration, Environment& environment);

}  // namespace instar::cmd
