#include "lib/format/stored_text.h"

namespace instar {

Result<ByteView> ReadStoredText(BlockCache& cache, Arena& arena,
                                uint64_t offset, uint64_t length) {
  const MutableBytes text = TRY(arena.Allocate(length, 1));
  TRY(cache.Copy(offset, text));
  const ByteView bytes = text.view();
  uint64_t end = 0;
  for (; end < bytes.size(); ++end) {
    const uint8_t byte = TRY(bytes.At<U8>(end));
    if (byte == 0) {
      break;
    }
  }
  return bytes.Prefix(end);
}

}  // namespace instar
