// Unpacks compressed clusters. One Unpacker holds the working memory of one
// worker, so that several vCPUs unpack at a time, each with its own.
//
// An interface, so that the libraries are part of those guests only that
// create one: formats name no more than this.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace instar::codec {

class Unpacker {
 public:
  // Cuts all memory that unpacking will ever need from `arena`, 4 MiB, of which
  // a format that is not packed with bzip2 touches about 150 KiB.
  // Not to be called on two vCPUs at a time: the codec libraries' allocation
  // hooks are global.
  // Errors: kNoMemory.
  static Result<Unpacker*> Create(Arena& arena);

  // Fills `out` from the raw deflate stream (RFC 1951) at the start of
  // `packed`. What follows the bytes that fill `out` is ignored, even if it is
  // more of the stream.
  // Errors: kCompressedData.
  virtual Status Inflate(ByteView packed, MutableBytes out) = 0;

  // Fills `out` from the zlib stream (RFC 1950) at the start of `packed`. The
  // stream must end where `out` is full and fit its checksum; with `may_go_on`
  // it may hold more than `out` takes. What follows the stream is ignored.
  // Errors: kCompressedData.
  virtual Status InflateZlib(ByteView packed, MutableBytes out,
                             bool may_go_on) = 0;

  // As InflateZlib, for a bzip2 stream.
  virtual Status Bunzip2(ByteView packed, MutableBytes out) = 0;

  // Fills `out` from the zstd frames (RFC 8878) at the start of `packed`. A
  // frame must end where `out` is full; what follows it is ignored.
  // Errors: kCompressedData.
  virtual Status Zstd(ByteView packed, MutableBytes out) = 0;

 protected:
  Unpacker() = default;
  ~Unpacker() = default;
};

// Unpacker::Create, for those who do not link the libraries unless they unpack.
using MakeUnpacker = Result<Unpacker*> (*)(Arena& arena);

}  // namespace instar::codec
