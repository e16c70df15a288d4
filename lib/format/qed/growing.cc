// A QED image grows with a field of its header: tables have their full length
// from the start.
#include "lib/format/growing.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qed/header.h"

namespace instar {
namespace {

using qed::Header;
using qed::HeaderLayout;
using qed::ReadHeader;

constexpr uint8_t kName[] = {'q', 'e', 'd'};

Status Grow(Arena& arena, File& file, const Image& image, uint64_t size) {
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const Header header = TRY(ReadHeader(cache, file));
  const Image* below = image.backing();
  const bool hides = below != nullptr && below->virtual_size() > size;
  const uint64_t entries = header.table_entries();
  const uint64_t l2_bytes = TRY(CheckedMul(header.cluster_size, entries));
  const uint64_t largest = TRY(CheckedMul(l2_bytes, entries));
  if (size > largest || hides) {
    return Error{.fault = Fault::kErrno, .error = kEopnotsupp};
  }
  uint8_t field[Le64::kSize];
  const MutableBytes bytes(field, sizeof field);
  TRY(bytes.Put<Le64>(0, size));
  TRY(file.Flush());
  TRY(file.WriteAt(HeaderLayout::kImageSize.offset, bytes.view()));
  return file.Flush();
}

}  // namespace

constinit const Grower kQedGrower = {.format = ByteView{kName, sizeof kName},
                                     .grow = &Grow};

}  // namespace instar
