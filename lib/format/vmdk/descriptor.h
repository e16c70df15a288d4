// The text that describes an image. It is read as qemu-img reads it, which is
// no strict grammar: a value is looked for wherever its key's letters stand
// first, and the words of an extent line may spread over several lines.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"

namespace instar::vmdk {

// The text at `offset`, up to its first zero byte or `limit` bytes, in memory
// from `arena`.
// Errors: kErrno, kNoMemory.
Result<ByteView> ReadText(BlockCache& cache, Arena& arena, uint64_t offset,
                          uint64_t limit);

// A value in quotes behind `key` and two more bytes.
struct QuotedValue {
  bool has_key = false;
  bool complete = false;  // the closing quote is there
  ByteView value;
};
QuotedValue FindQuoted(ByteView text, ByteView key);

// The hexadecimal number behind `key` and one more byte, cut to 32 bits.
// Errors: kVmdkOpen.
Result<uint32_t> FindHexadecimal(ByteView text, ByteView key);

// `RW SECTORS TYPE "NAME" OFFSET`.
struct ExtentLine {
  uint32_t num_words = 0;  // how many of the five are there
  ByteView access;
  int64_t sectors = 0;
  ByteView type;
  ByteView name;
  int64_t offset = -1;  // sectors
  ByteView line;        // without its end
};

// Tries every line of a descriptor as an extent line.
class ExtentLines {
 public:
  explicit ExtentLines(ByteView text) : text_(text) {}

  // The next line; false: there is none.
  bool Next(ExtentLine& line);

 private:
  ByteView text_;
  uint64_t at_ = 0;
  // Lines before this place begin with nothing but white space, and so with
  // the same words as the one that was parsed last.
  uint64_t parsed_until_ = 0;
  ExtentLine parsed_;
};

}  // namespace instar::vmdk
