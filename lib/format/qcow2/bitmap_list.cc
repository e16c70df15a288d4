#include "lib/format/qcow2/bitmap_list.h"

#include <bit>

#include "lib/base/checked.h"
#include "lib/format/qcow2/bitmaps.h"

namespace instar::qcow2 {
namespace {

class Loader final : public FactsVisitor {
 public:
  Loader(Arena& arena, BitmapList& list) : arena_(arena), list_(list) {}

  Status OnSnapshot(const SnapshotFacts& /*snapshot*/) override { return {}; }
  Status OnBitmap(const BitmapFacts& facts) override {
    const MutableBytes name = TRY(arena_.Allocate(facts.name.size(), 1));
    TRY(name.PutBytes(0, facts.name));
    const int bits = std::countr_zero(facts.granularity);
    return list_.Insert(list_.size(),
                        {.name = name.view(),
                         .granularity_bits = static_cast<uint64_t>(bits),
                         .in_use = facts.in_use,
                         .recording = facts.automatic,
                         .inconsistent = facts.in_use,
                         .table = {.offset = facts.table_offset,
                                   .entries = facts.table_entries}});
  }

 private:
  Arena& arena_;
  BitmapList& list_;
};

}  // namespace

Result<BitmapList> BitmapList::Load(BlockCache& cache, const Header& header,
                                    const Extensions& extensions, Arena& arena,
                                    uint64_t room) {
  BitmapList list;
  const uint64_t capacity = TRY(CheckedAdd(extensions.num_bitmaps, room));
  Bitmap* bitmaps = TRY(arena.NewArray<Bitmap>(capacity));
  list.bitmaps_ = std::span<Bitmap>(bitmaps, capacity);
  Loader loader(arena, list);
  TRY(ListBitmaps(cache, header, extensions, arena, loader));
  return list;
}

uint64_t BitmapList::Find(ByteView name) const {
  uint64_t i = 0;
  while (i < size_ && !bitmaps_[i].name.Equals(name)) {
    ++i;
  }
  return i;
}

Status BitmapList::Insert(uint64_t index, const Bitmap& bitmap) {
  INSTAR_CHECK(index <= size_);
  if (size_ == bitmaps_.size()) {
    return Error{.fault = Fault::kNoMemory, .value = size_};
  }
  for (uint64_t i = size_; i > index; --i) {
    bitmaps_[i] = bitmaps_[i - 1];
  }
  bitmaps_[index] = bitmap;
  ++size_;
  return {};
}

void BitmapList::Remove(uint64_t index) {
  INSTAR_CHECK(index < size_);
  for (uint64_t i = index + 1; i < size_; ++i) {
    bitmaps_[i - 1] = bitmaps_[i];
  }
  --size_;
}

uint64_t BitmapList::DirectoryBytes() const {
  uint64_t total = 0;
  for (uint64_t i = 0; i < size_; ++i) {
    total += BitmapEntryBytes(bitmaps_[i].name.size());
  }
  return total;
}

Status BitmapList::Encode(MutableBytes out) const {
  using L = BitmapEntryLayout;
  uint64_t at = 0;
  for (uint64_t i = 0; i < size_; ++i) {
    const Bitmap& bitmap = bitmaps_[i];
    const uint32_t entries = TRY(Narrow<uint32_t>(bitmap.table.entries));
    const uint16_t name_bytes = TRY(Narrow<uint16_t>(bitmap.name.size()));
    const uint32_t flags = (bitmap.in_use ? uint32_t{kBitmapInUse} : 0) |
                           (bitmap.recording ? uint32_t{kBitmapAuto} : 0);
    TRY(out.Put<Be64>(at + L::kTableOffset.offset, bitmap.table.offset));
    TRY(out.Put<Be32>(at + L::kTableEntries.offset, entries));
    TRY(out.Put<Be32>(at + L::kFlags.offset, flags));
    TRY(out.Put<U8>(at + L::kType.offset, kBitmapTypeDirtyTracking));
    TRY(out.Put<U8>(at + L::kGranularityBits.offset,
                    static_cast<uint8_t>(bitmap.granularity_bits)));
    TRY(out.Put<Be16>(at + L::kNameBytes.offset, name_bytes));
    TRY(out.PutBytes(at + L::kSize, bitmap.name));
    at += BitmapEntryBytes(bitmap.name.size());
  }
  return {};
}

}  // namespace instar::qcow2
