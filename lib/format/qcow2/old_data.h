// What an image that is written held before: the rest of a cluster that is
// written in part is copied from here.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/codec/unpacker.h"
#include "lib/format/image.h"
#include "lib/format/qcow2/geometry.h"
#include "lib/format/qcow2/l2_map.h"

namespace instar::qcow2 {

class OldData {
 public:
  // `data`: where data clusters are. `backing` may be null.
  OldData(Arena& arena, File& file, File& data, Image* backing,
          const Geometry& geometry, L2Map& map)
      : arena_(&arena),
        file_(&file),
        data_(&data),
        backing_(backing),
        geometry_(&geometry),
        map_(&map) {}

  // Whether all layers together say that [offset, +length) reads as zeroes;
  // what lies behind the image's end does.
  Result<bool> IsZero(uint64_t offset, uint64_t length);

  // Makes [host_offset, +length) of the data file hold the guest-visible bytes
  // from `offset` on. `is_zero`: the file holds zeroes there.
  Status Copy(uint64_t offset, uint64_t length, uint64_t host_offset,
              bool is_zero);

 private:
  // A run of bytes of one kind.
  struct Piece {
    uint64_t length = 0;
    bool zero = true;
    File* file = nullptr;
    uint64_t host_offset = 0;
    uint64_t stored_bytes = 0;     // not 0: a packed cluster
    uint64_t cluster_offset = 0;   // … and where in it the run begins
    const Image* owner = nullptr;  // that unpacks it; null: this image
  };

  Result<Piece> Find(uint64_t offset, uint64_t length);
  Result<Piece> FindInBacking(uint64_t offset, uint64_t length);
  Status CopyPlain(const Piece& piece, uint64_t host_offset);
  Status CopyPacked(const Piece& piece, uint64_t host_offset);
  Result<MutableBytes> Room(MutableBytes& buffer, uint64_t bytes);

  Arena* arena_;
  File* file_;
  File* data_;
  Image* backing_;
  const Geometry* geometry_;
  L2Map* map_;
  codec::Unpacker* unpacker_ = nullptr;
  MutableBytes plain_;
  MutableBytes packed_;
};

}  // namespace instar::qcow2
