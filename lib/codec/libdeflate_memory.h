// libdeflate has one allocation hook for the whole program. This lends it an
// arena for as long as objects are being made; what it made stays valid, and
// is never freed.
#pragma once

#include "lib/base/arena.h"

namespace instar::codec {

// While one lives, libdeflate_alloc_…() cut their memory from `arena`.
// REQUIRES: at most one lives at a time, on all vCPUs together.
class LibdeflateMemory {
 public:
  explicit LibdeflateMemory(Arena& arena);
  ~LibdeflateMemory();
  LibdeflateMemory(const LibdeflateMemory&) = delete;
  LibdeflateMemory& operator=(const LibdeflateMemory&) = delete;
};

}  // namespace instar::codec
