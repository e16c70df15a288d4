#include "cmd/cache_mode.h"

namespace instar::cmd {

std::optional<vmm::CacheMode> ParseCacheMode(std::string_view name) {
  if (name == "none" || name == "off")
    return vmm::CacheMode::kNone;
  if (name == "directsync")
    return vmm::CacheMode::kDirectsync;
  if (name == "writeback")
    return vmm::CacheMode::kWriteback;
  if (name == "unsafe")
    return vmm::CacheMode::kUnsafe;
  if (name == "writethrough")
    return vmm::CacheMode::kWritethrough;
  return std::nullopt;
}

}  // namespace instar::cmd
