// Packs clusters. One Packer holds the working memory of one worker, as an
// Unpacker does.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace instar::codec {

enum class PackMethod : uint8_t {
  kDeflate,  // a raw deflate stream, RFC 1951
  kZlib,     // the same in a zlib stream, RFC 1950
  kZstd,     // a frame, RFC 8878
};

class Packer {
 public:
  // Cuts all memory from `arena` that packing up to `max_bytes` at a time will
  // ever need. Not to be called on two vCPUs at a time.
  // Errors: kNoMemory.
  static Result<Packer*> Create(Arena& arena, PackMethod method,
                                uint64_t max_bytes);

  // Packs `plain` into the start of `out`. Returns how many bytes it takes
  // there; 0: it does not fit. The same bytes always come out the same.
  // REQUIRES: plain.size() <= max_bytes.
  virtual uint64_t Pack(ByteView plain, MutableBytes out) = 0;

 protected:
  Packer() = default;
  ~Packer() = default;
};

}  // namespace instar::codec
