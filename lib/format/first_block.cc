#include "lib/format/first_block.h"

#include "lib/base/bytes.h"

namespace instar {
namespace {

constexpr uint64_t kBlockBytes = 4096;
constexpr uint64_t kSectorBytes = 512;
constexpr int32_t kNoSpace = 28;  // ENOSPC of Linux

}  // namespace

Status WriteFirstBlock(File& file, uint64_t size) {
  const uint8_t zeroes[kBlockBytes] = {};
  const uint64_t length = size < kBlockBytes ? kSectorBytes : kBlockBytes;
  const Status written = file.WriteAt(0, ByteView(zeroes, length));
  if (!written.ok() && written.error().error == kNoSpace) {
    return {};
  }
  return written;
}

}  // namespace instar
