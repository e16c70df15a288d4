#include "lib/codec/unpacker.h"

#include "lib/codec/bunzip2.h"
#include "lib/codec/inflate.h"
#include "lib/codec/zstd.h"

namespace instar::codec {
namespace {

class LibraryUnpacker final : public Unpacker {
 public:
  LibraryUnpacker(InflateState* inflate, ZstdState* zstd, Bunzip2State* bunzip2)
      : inflate_(inflate), zstd_(zstd), bunzip2_(bunzip2) {}

  Status Inflate(ByteView packed, MutableBytes out) override {
    return codec::Inflate(*inflate_, packed, out);
  }
  Status InflateZlib(ByteView packed, MutableBytes out,
                     bool may_go_on) override {
    return codec::InflateZlib(*inflate_, packed, out, may_go_on);
  }
  Status Bunzip2(ByteView packed, MutableBytes out) override {
    return codec::Bunzip2(*bunzip2_, packed, out);
  }
  Status Zstd(ByteView packed, MutableBytes out) override {
    return codec::Zstd(*zstd_, packed, out);
  }

 private:
  InflateState* inflate_;
  ZstdState* zstd_;
  Bunzip2State* bunzip2_;
};

}  // namespace

Result<Unpacker*> Unpacker::Create(Arena& arena) {
  InflateState* inflate = TRY(CreateInflate(arena));
  ZstdState* zstd = TRY(CreateZstd(arena));
  Bunzip2State* bunzip2 = TRY(CreateBunzip2(arena));
  LibraryUnpacker* unpacker =
      TRY(arena.New<LibraryUnpacker>(inflate, zstd, bunzip2));
  return static_cast<Unpacker*>(unpacker);
}

}  // namespace instar::codec
