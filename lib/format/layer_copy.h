// Copies guest-visible bytes from where a layer has them to where a target
// keeps them: the rest of a cluster that is written in part.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/codec/unpacker.h"
#include "lib/format/image.h"

namespace instar {

// A run of guest-visible bytes of one kind.
struct LayerPiece {
  uint64_t length = 0;
  bool zero = true;
  File* file = nullptr;
  uint64_t host_offset = 0;
  uint64_t stored_bytes = 0;    // not 0: a packed cluster
  uint64_t cluster_offset = 0;  // … and where in it the run begins
  uint64_t cluster_bytes = 0;   // … and its length when it is unpacked
  const Image* owner =
      nullptr;  // that unpacks it; null: `compression` says how
  Compression compression = Compression::kZlib;
};

class LayerCopy {
 public:
  // `make_unpacker` may be null where no layer can hold packed clusters.
  LayerCopy(Arena& arena, codec::MakeUnpacker make_unpacker)
      : arena_(&arena), make_unpacker_(make_unpacker) {}

  // What the chain from `top` down says of [offset, +length), or of the first
  // part of it. Zeroes where `top` is null or ends before `offset`.
  static Result<LayerPiece> Find(Image* top, uint64_t offset, uint64_t length);

  // Makes [host_offset, +piece.length) of `to` hold the piece's bytes.
  // REQUIRES: !piece.zero.
  Status CopyData(const LayerPiece& piece, File& to, uint64_t host_offset);

  // The same for all of [offset, +length) of the chain from `top` down.
  // `is_zero`: `to` reads as zeroes there already.
  Status CopyRange(Image* top, uint64_t offset, uint64_t length, File& to,
                   uint64_t host_offset, bool is_zero);

 private:
  Status CopyPlain(const LayerPiece& piece, File& to, uint64_t host_offset);
  Status CopyPacked(const LayerPiece& piece, File& to, uint64_t host_offset);
  Result<MutableBytes> Room(MutableBytes& buffer, uint64_t bytes);

  Arena* arena_;
  codec::MakeUnpacker make_unpacker_;
  codec::Unpacker* unpacker_ = nullptr;
  MutableBytes plain_;
  MutableBytes packed_;
};

}  // namespace instar
