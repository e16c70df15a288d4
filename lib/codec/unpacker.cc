#include "lib/codec/unpacker.h"

#include "lib/codec/inflate.h"
#include "lib/codec/zstd.h"

namespace instar::codec {

Result<Unpacker*> Unpacker::Create(Arena& arena) {
  InflateState* inflate = TRY(CreateInflate(arena));
  ZstdState* zstd = TRY(CreateZstd(arena));
  return arena.New<Unpacker>(inflate, zstd);
}

Status Unpacker::Inflate(ByteView packed, MutableBytes out) {
  return codec::Inflate(*inflate_, packed, out);
}

Status Unpacker::Zstd(ByteView packed, MutableBytes out) {
  return codec::Zstd(*zstd_, packed, out);
}

}  // namespace instar::codec
