// What qemu's block layer asks of requests to a node: `info --limits`.
#pragma once

#include <cstdint>
#include <optional>

#include "compat/json.h"

namespace instar::compat {

struct InfoNode;

// In bytes, but for max_iov. What is absent has no limit.
struct BlockLimits {
  std::optional<uint64_t> write_zeroes_alignment;
  uint64_t request_alignment = 1;
  uint64_t min_mem_alignment = 1;
  std::optional<uint64_t> discard_alignment;
  uint64_t opt_mem_alignment = 0;
  std::optional<uint64_t> max_write_zeroes;
};

// Fills in the limits of an image and of the files beneath it. `is_probed`:
// nobody said what format it has. `direct_alignment`: of requests that bypass
// the page cache; 0: none does.
void AddBlockLimits(InfoNode& image, bool is_probed, uint64_t direct_alignment);

Json LimitsJson(const BlockLimits& limits);

}  // namespace instar::compat
