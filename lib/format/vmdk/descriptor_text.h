// Writing the text that describes an image.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::vmdk {

// Appends to memory of a fixed size.
class TextWriter {
 public:
  explicit TextWriter(MutableBytes room) : room_(room) {}

  ByteView text() const { return room_.Prefix(size_).view(); }

  // Errors of all: kOutOfBounds.
  Status Add(ByteView bytes);
  Status AddDecimal(uint64_t number, uint64_t min_digits = 1) {
    return AddNumber(number, 10, min_digits);
  }
  Status AddHexadecimal(uint64_t number) { return AddNumber(number, 16, 1); }

 private:
  Status AddNumber(uint64_t number, uint64_t base, uint64_t min_digits);

  MutableBytes room_;
  uint64_t size_ = 0;
};

// Gives the descriptor at `offset` of `file` another content id. As qemu-img
// does, all of the descriptor's room is written, or whole sectors where it has
// a file of its own.
// Errors: kErrno, kVmdkDescriptor where it has no id, kVmdkDescriptorTooLarge.
Status ReplaceContentId(Arena& arena, File& file, uint64_t offset,
                        uint32_t content_id);

}  // namespace instar::vmdk
