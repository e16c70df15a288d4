#include "lib/format/first_block.h"

#include "lib/base/bytes.h"
#include "lib/base/errno.h"

namespace instar {
namespace {

constexpr uint64_t kBlockBytes = 4096;
constexpr uint64_t kSectorBytes = 512;

}  // namespace

Status WriteFirstBlock(File& file, uint64_t size) {
  const uint8_t zeroes[kBlockBytes] = {};
  const uint64_t length = size < kBlockBytes ? kSectorBytes : kBlockBytes;
  const Status written = file.WriteAt(0, ByteView(zeroes, length));
  if (!written.ok() && written.error().error == kEnospc) {
    return {};
  }
  return written;
}

}  // namespace instar
