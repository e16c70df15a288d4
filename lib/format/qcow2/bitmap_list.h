// The bitmaps of an image in memory, in the directory's order, and the
// directory as it is stored (qcow2.txt, "Bitmap directory").
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/header.h"
#include "lib/format/qcow2/stored_bits.h"

namespace instar::qcow2 {

// Where a bitmap table is (qcow2.txt, "Bitmap table").
struct BitmapTable {
  uint64_t offset = 0;   // bytes; 0: there is none
  uint64_t entries = 0;  // clusters of bits
};

struct Bitmap {
  ByteView name;
  uint64_t granularity_bits = 0;
  bool in_use = false;        // as the directory is to say
  bool recording = false;     // BitmapFlag kBitmapAuto
  bool inconsistent = false;  // was in use when the image was opened
  BitmapTable table;
  BitmapTable old_table;  // to be freed once nothing refers to it
  // What it is to hold: all bits that any of them has.
  BitSource* sources = nullptr;
};

class BitmapList {
 public:
  // With room for `room` more. Errors: kNoMemory, those of the directory.
  static Result<BitmapList> Load(BlockCache& cache, const Header& header,
                                 const Extensions& extensions, Arena& arena,
                                 uint64_t room);

  uint64_t size() const { return size_; }
  Bitmap& operator[](uint64_t i) {
    INSTAR_CHECK(i < size_);
    return bitmaps_[i];
  }
  const Bitmap& operator[](uint64_t i) const {
    INSTAR_CHECK(i < size_);
    return bitmaps_[i];
  }
  // The index of the bitmap of that name; size(): none.
  uint64_t Find(ByteView name) const;

  // Errors: kNoMemory where the room is used up.
  Status Insert(uint64_t index, const Bitmap& bitmap);
  void Remove(uint64_t index);

  // The directory's length in bytes, padding included.
  uint64_t DirectoryBytes() const;
  // REQUIRES: `out` is so long and holds zeroes. Errors: kOverflow.
  Status Encode(MutableBytes out) const;

 private:
  std::span<Bitmap> bitmaps_;  // with the room
  uint64_t size_ = 0;
};

// The length of a directory entry with a name of so many bytes.
constexpr uint64_t BitmapEntryBytes(uint64_t name_bytes) {
  return (BitmapEntryLayout::kSize + name_bytes + 7) & ~uint64_t{7};
}

}  // namespace instar::qcow2
