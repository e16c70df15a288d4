// Unpacks compressed clusters. One Unpacker holds the working memory of one
// worker, so that several vCPUs unpack at a time, each with its own.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace instar::codec {

struct InflateState;
struct ZstdState;

class Unpacker {
 public:
  // Cuts all memory that unpacking will ever need from `arena`, about 150 KiB.
  // Not to be called on two vCPUs at a time: the codec libraries' allocation
  // hooks are global.
  // Errors: kNoMemory.
  static Result<Unpacker*> Create(Arena& arena);

  // Fills `out` from the raw deflate stream (RFC 1951) at the start of
  // `packed`. What follows the bytes that fill `out` is ignored, even if it is
  // more of the stream.
  // Errors: kCompressedData.
  Status Inflate(ByteView packed, MutableBytes out);

  // Fills `out` from the zstd frames (RFC 8878) at the start of `packed`. A
  // frame must end where `out` is full; what follows it is ignored.
  // Errors: kCompressedData.
  Status Zstd(ByteView packed, MutableBytes out);

  Unpacker(InflateState* inflate, ZstdState* zstd)
      : inflate_(inflate), zstd_(zstd) {}

 private:
  InflateState* inflate_;
  ZstdState* zstd_;
};

}  // namespace instar::codec
