// The bits of bitmaps as an image stores them: words of 64 bits, little-endian,
// cluster by cluster (qcow2.txt, "Bitmap data").
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/written_runs.h"

namespace instar::qcow2 {

inline constexpr uint64_t kBitsPerWord = 64;
inline constexpr uint64_t kWordBytes = 8;

// How a disk is divided into bits.
struct BitmapShape {
  uint64_t disk_bytes = 0;
  uint64_t granularity_bits = 0;

  uint64_t bits() const {
    const uint64_t whole = disk_bytes >> granularity_bits;
    return whole + ((whole << granularity_bits) != disk_bytes ? 1 : 0);
  }
  uint64_t words() const { return (bits() + kBitsPerWord - 1) / kBitsPerWord; }
};

// Reads clusters of bits of one image; the last one is kept.
class BitReader {
 public:
  // Errors: kNoMemory.
  Status Init(Arena& arena, File& file, BlockCache& tables,
              uint64_t cluster_bytes);

  uint64_t cluster_bytes() const { return bytes_.size(); }
  // What the table's entry at `entry_offset` stands for: a cluster's bytes,
  // or none where all its bits are 0. Valid until the next call.
  // Errors: kErrno, kQcow2CorruptEntry.
  Result<ByteView> Cluster(uint64_t entry_offset);

 private:
  File* file_ = nullptr;
  BlockCache* tables_ = nullptr;
  MutableBytes bytes_;
  uint64_t loaded_ = 0;  // host offset; 0: nothing; 1: ones
};

// A stored bitmap that another is made of.
struct BitSource {
  BitReader* reader = nullptr;
  uint64_t table_offset = 0;   // bytes
  uint64_t table_entries = 0;  // clusters
  BitmapShape shape;
  BitSource* next = nullptr;

  // Sets in `out` what this one says of the words from `first_word` on of a
  // bitmap of shape `into`. Errors: kErrno, kQcow2CorruptEntry.
  Status Merge(const BitmapShape& into, uint64_t first_word,
               MutableBytes out) const;

 private:
  Status MergeWords(uint64_t first_word, MutableBytes out) const;
  Status MergeRanges(const BitmapShape& into, uint64_t first_word,
                     MutableBytes out) const;
};

// Sets the bits of what `runs` say was written, in `out`, which begins with
// `first_word` of the bitmap.
void SetWritten(const BitmapShape& shape, const WrittenRuns& runs,
                uint64_t first_word, MutableBytes out);

// Clears in `words`, which begin with `first_word` of the bitmap, what lies
// behind the disk's end.
void ClearBehindEnd(const BitmapShape& shape, uint64_t first_word,
                    MutableBytes words);

// Whether any bit of the disk is set in `words`, which begin with `first_word`
// of the bitmap. What lies behind the disk's end does not count.
bool HasBits(const BitmapShape& shape, uint64_t first_word, ByteView words);

}  // namespace instar::qcow2
