#include "lib/format/qed/resize.h"

#include "lib/base/checked.h"
#include "lib/format/block_cache.h"
#include "lib/format/preallocation_name.h"
#include "lib/format/qed/header.h"
#include "lib/format/resize.h"

namespace instar::qed {
namespace {

constexpr uint64_t kSectorBytes = 512;

// In qemu-img's order.
Status CheckSize(const Header& header, uint64_t bytes) {
  const uint64_t entries = header.table_entries();
  const uint64_t covered = TRY(CheckedMul(entries, header.cluster_size));
  const auto most = CheckedMul(covered, entries);
  const bool is_too_large = most.ok() && bytes > most.value();
  if (bytes % kSectorBytes != 0 || is_too_large) {
    return Error{.fault = Fault::kResizeQedSize, .value = bytes};
  }
  if (bytes < header.image_size) {
    return Error{.fault = Fault::kResizeQedShrinks, .value = bytes};
  }
  return {};
}

}  // namespace

Status Resize(Arena& arena, File& file, uint64_t bytes,
              Preallocation preallocation) {
  using L = HeaderLayout;
  BlockCache cache = TRY(BlockCache::Create(arena, file, 1));
  const Header header = TRY(ReadHeader(cache, file));
  if ((header.features & kNeedCheck) != 0) {
    return Error{.fault = Fault::kNeedsRepair};
  }
  if (preallocation != Preallocation::kOff) {
    return ModeError(Fault::kResizeQedPreallocation, preallocation);
  }
  TRY(CheckSize(header, bytes));
  // Whoever writes takes back the promises of features that he does not know.
  static_assert(L::kImageSize.offset ==
                L::kAutoclearFeatures.offset + 2 * Le64::kSize);
  uint8_t record[3 * Le64::kSize];
  const MutableBytes fields(record, sizeof record);
  TRY(fields.Put<Le64>(0, 0));
  TRY(fields.Put<Le64>(Le64::kSize, header.l1_offset));
  TRY(fields.Put<Le64>(2 * Le64::kSize, bytes));
  TRY(file.WriteAt(L::kAutoclearFeatures.offset, fields.view()));
  return file.Flush();
}

}  // namespace instar::qed

namespace instar {

Status ResizeQed(Arena& arena, File& file, const NewSize& size) {
  return qed::Resize(arena, file, size.bytes, size.preallocation);
}

}  // namespace instar
