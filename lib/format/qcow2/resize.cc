#include "lib/format/qcow2/resize.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/bitmap_store.h"
#include "lib/format/qcow2/growth.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/shrinking.h"
#include "lib/format/resize.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kSectorBytes = 512;

// In qemu-img's order.
Status CheckSize(const Header& header, const Qcow2BitmapStore& bitmaps,
                 const NewSize& size) {
  if (size.bytes % kSectorBytes != 0) {
    return Error{.fault = Fault::kResizeUnaligned, .value = size.bytes};
  }
  if (header.num_snapshots != 0 && header.version < 3) {
    return Error{.fault = Fault::kResizeSnapshotsInV2};
  }
  for (uint64_t i = 0; i < bitmaps.count(); ++i) {
    const BitmapFacts facts = bitmaps.At(i);
    if (facts.in_use) {
      return Error{.fault = Fault::kBitmapInconsistent,
                   .text = facts.name.data(),
                   .text_bytes = static_cast<uint32_t>(facts.name.size())};
    }
  }
  return {};
}

}  // namespace

Status Resize(Arena& arena, const ResizedFiles& files, const NewSize& size) {
  Qcow2BitmapStore* bitmaps =
      TRY(arena.New<Qcow2BitmapStore>(arena, *files.file));
  TRY(bitmaps->Open(0));
  Metadata& image = bitmaps->image();
  TRY(CheckSize(image.header, *bitmaps, size));
  TRY(CheckGrowth(image.header, files, size));
  TRY(bitmaps->Begin(false));
  const bool grows = size.bytes >= image.header.virtual_size();
  const Status done = grows ? Grow(image, files, size)
                            : Shrink(image, files.data_file, size.bytes);
  // qemu-img stores what there is also where it fails.
  const Status stored = bitmaps->Store();
  TRY(done);
  TRY(stored);
  return files.file->Flush();
}

}  // namespace instar::qcow2

namespace instar {

Status ResizeQcow2(Arena& arena, const ResizedFiles& files,
                   const NewSize& size) {
  return qcow2::Resize(arena, files, size);
}

}  // namespace instar
