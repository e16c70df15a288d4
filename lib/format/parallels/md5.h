// MD5, RFC 1321, which format extensions carry as their checksum.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/checked.h"

namespace instar::parallels {

class Md5 {
 public:
  struct Digest {
    uint8_t bytes[16];
    ByteView view() const { return {bytes, sizeof bytes}; }
  };

  void Add(ByteView bytes);
  // Of all that was added. Called once, at the end.
  Digest Finish();

 private:
  static constexpr uint64_t kBlockBytes = 64;

  void AddBlock(ByteView block);

  uint32_t state_[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  uint64_t length_ = 0;  // bytes added
  uint8_t block_[kBlockBytes] = {};
};

}  // namespace instar::parallels
