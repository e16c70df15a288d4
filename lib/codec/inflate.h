// Deflate (RFC 1951), raw or in a zlib stream (RFC 1950), one buffer to one
// buffer.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

struct libdeflate_decompressor;

namespace instar::codec {

struct InflateState {
  libdeflate_decompressor* decompressor = nullptr;
  MutableBytes zlib_memory;  // for one stream at a time
};

// REQUIRES: no other vCPU is in a Create function of lib/codec.
// Errors: kNoMemory.
Result<InflateState*> CreateInflate(Arena& arena);

// As Unpacker::Inflate.
Status Inflate(InflateState& state, ByteView packed, MutableBytes out);

// As Unpacker::InflateZlib.
Status InflateZlib(InflateState& state, ByteView packed, MutableBytes out,
                   bool may_go_on);

}  // namespace instar::codec
