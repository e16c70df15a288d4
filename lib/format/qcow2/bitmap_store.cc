#include "lib/format/qcow2/bitmap_store.h"

#include <bit>

#include "lib/base/checked.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kMinDefaultGranularity = 4096;
constexpr uint64_t kMaxDefaultGranularity = 65536;

// Blocks of bitmap tables that are kept: of what is read and what is merged.
constexpr uint64_t kCachedBlocks = 2;

Error Named(Fault fault, ByteView name) {
  return {.fault = fault,
          .text = name.data(),
          .text_bytes = static_cast<uint32_t>(name.size())};
}

}  // namespace

Status Qcow2BitmapStore::Open(uint64_t room) {
  TRY(image_.Open(kCachedBlocks));
  const Extensions& extensions = image_.extensions;
  list_ = TRY(BitmapList::Load(image_.cache(), image_.header, extensions,
                               *arena_, room));
  num_listed_ = list_.size();
  directory_ = {.offset = extensions.bitmap_directory_offset,
                .bytes = extensions.bitmap_directory_bytes,
                .num_bitmaps = extensions.num_bitmaps};
  return reader_.Init(*arena_, *file_, image_.cache(),
                      image_.header.cluster_size());
}

BitmapFacts Qcow2BitmapStore::At(uint64_t index) const {
  const Bitmap& bitmap = list_[index];
  return {.name = bitmap.name,
          .granularity = uint64_t{1} << bitmap.granularity_bits,
          .in_use = bitmap.inconsistent,
          .automatic = bitmap.recording};
}

Result<Bitmap*> Qcow2BitmapStore::Find(ByteView name) {
  const uint64_t index = list_.Find(name);
  if (index == list_.size()) {
    return Named(Fault::kBitmapMissing, name);
  }
  return &list_[index];
}

Result<Bitmap*> Qcow2BitmapStore::FindSound(ByteView name) {
  Bitmap* bitmap = TRY(Find(name));
  if (bitmap->inconsistent) {
    return Named(Fault::kBitmapInconsistent, name);
  }
  return bitmap;
}

// ---- Actions ----------------------------------------------------------------

// In qemu-img's order.
Status Qcow2BitmapStore::CheckNew(ByteView name, uint64_t granularity) {
  if (image_.header.version < 3) {
    return Named(Fault::kBitmapOldVersion, name);
  }
  if (granularity > uint64_t{1} << kMaxBitmapGranularityBits) {
    return Named(Fault::kBitmapGranularityTooLarge, name);
  }
  if (name.size() > kMaxBitmapNameBytes) {
    return Named(Fault::kBitmapNameTooLong, name);
  }
  const int bits = std::countr_zero(granularity);
  const BitmapShape shape = ShapeOf(static_cast<uint64_t>(bits));
  if (DivRoundUp(shape.bits(), 8) > kMaxBitmapStoredBytes) {
    return Named(Fault::kBitmapTooLarge, name);
  }
  if (list_.size() >= kMaxBitmaps) {
    return Named(Fault::kBitmapTooMany, name);
  }
  if (list_.DirectoryBytes() + BitmapEntryBytes(name.size()) >
      kMaxBitmapDirectoryBytes) {
    return Named(Fault::kBitmapDirectoryFull, name);
  }
  if (list_.Find(name) != list_.size()) {
    return Named(Fault::kBitmapExists, name);
  }
  return {};
}

Status Qcow2BitmapStore::Add(ByteView name, uint64_t granularity) {
  if (name.empty()) {
    return Named(Fault::kBitmapNoName, name);
  }
  if (granularity == 0) {
    granularity =
        Max(kMinDefaultGranularity,
            Min(kMaxDefaultGranularity, image_.header.cluster_size()));
  }
  if (granularity < uint64_t{1} << kMinBitmapGranularityBits ||
      !IsPowerOfTwo(granularity)) {
    return Named(Fault::kBitmapGranularity, name);
  }
  TRY(CheckNew(name, granularity));
  const int bits = std::countr_zero(granularity);
  const MutableBytes kept = TRY(arena_->Allocate(name.size(), 1));
  TRY(kept.PutBytes(0, name));
  // qemu-img stores the newest of the new ones first.
  return list_.Insert(num_listed_,
                      {.name = kept.view(),
                       .granularity_bits = static_cast<uint64_t>(bits),
                       .recording = true});
}

Status Qcow2BitmapStore::Clear(ByteView name) {
  Bitmap* bitmap = TRY(FindSound(name));
  bitmap->sources = nullptr;
  return {};
}

Status Qcow2BitmapStore::SetRecording(ByteView name, bool recording) {
  Bitmap* bitmap = TRY(FindSound(name));
  bitmap->recording = recording;
  return {};
}

Result<BitSource*> Qcow2BitmapStore::StoredOf(const Bitmap& bitmap) {
  BitSource* source = TRY(arena_->New<BitSource>());
  source->reader = &reader_;
  source->table_offset = bitmap.table.offset;
  source->table_entries = bitmap.table.entries;
  source->shape = ShapeOf(bitmap.granularity_bits);
  return source;
}

Status Qcow2BitmapStore::Merge(ByteView name, BitmapStore& from,
                               ByteView source) {
  Bitmap* into = TRY(Find(name));
  auto& other = static_cast<Qcow2BitmapStore&>(from);
  const Bitmap* bitmap = TRY(other.Find(source));
  if (into->inconsistent) {
    return Named(Fault::kBitmapInconsistent, name);
  }
  if (bitmap->inconsistent) {
    return Named(Fault::kBitmapInconsistent, source);
  }
  if (image_.header.virtual_size() != other.image_.header.virtual_size()) {
    return Error{.fault = Fault::kBitmapSizes,
                 .value = image_.header.virtual_size(),
                 .value2 = other.image_.header.virtual_size()};
  }
  if (bitmap == into) {
    return {};
  }
  BitSource* added = TRY(other.StoredOf(*bitmap));
  added->next = into->sources;
  into->sources = added;
  return {};
}

Status Qcow2BitmapStore::Remove(ByteView name) {
  Bitmap* found = TRY(Find(name));
  const BitmapTable table = found->table;
  const uint64_t index = list_.Find(name);
  list_.Remove(index);
  if (index >= num_listed_) {
    return {};
  }
  // New ones are not for the directory yet.
  INSTAR_CHECK(list_.size() == num_listed_ - 1);
  --num_listed_;
  TRY(ReplaceDirectory());
  return FreeTable(table);
}

}  // namespace instar::qcow2

namespace instar {

Result<BitmapStore*> OpenQcow2Bitmaps(Arena& arena, File& file, uint64_t room) {
  auto* store = TRY(arena.New<qcow2::Qcow2BitmapStore>(arena, file));
  TRY(store->Open(room));
  return static_cast<BitmapStore*>(store);
}

}  // namespace instar
