// The names of -t and -T.
#pragma once

#include <optional>
#include <string_view>

#include "vmm/files.h"

namespace instar::cmd {

// Nothing where the name is none of them.
std::optional<vmm::CacheMode> ParseCacheMode(std::string_view name);

}  // namespace instar::cmd
