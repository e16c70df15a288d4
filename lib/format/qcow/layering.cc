// qcow images of version 1 as layers of a chain: an overlay gives up all that
// it holds.
#include "lib/format/layering.h"

#include "lib/base/checked.h"
#include "lib/format/qcow/header.h"
#include "lib/format/qcow/layout.h"

namespace instar::qcow {
namespace {

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w'};

// Without its L1 table nothing of the image is reached. The clusters go last.
Status MakeEmpty(Arena& arena, File& file, File* /*data_file*/) {
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const Header header = TRY(ReadHeader(cache, false));
  const uint64_t entries = DivRoundUp(header.virtual_size(),
                                      uint64_t{1} << header.l2_coverage_bits());
  const uint64_t bytes = TRY(CheckedMul(entries, kEntryBytes));
  const uint64_t end = TRY(CheckedAdd(header.l1_offset, bytes));
  TRY(file.WriteZeroes(header.l1_offset, bytes, false));
  TRY(file.Flush());
  TRY(file.Truncate(end, FilePreallocation::kSparse));
  return file.Flush();
}

}  // namespace

extern const Layering kLayering;
constinit const Layering kLayering = {.name = ByteView{kName, sizeof kName},
                                      .check = nullptr,
                                      .link = nullptr,
                                      .make_empty = &MakeEmpty};

}  // namespace instar::qcow
