// What of a bitmap store reaches the file, and in which order.
#include "lib/base/checked.h"
#include "lib/format/qcow2/bitmap_store.h"
#include "lib/format/qcow2/last_cluster.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
bool Qcow2BitmapStore::HasSoundBitmaps() const {
  for (uint64_t i = 0; i < list_.size(); ++i) {
    if (!list_[i].inconsistent) {
      return true;
    }
  }
  return false;
}

// ---- Opening ----------------------------------------------------------------

Status Qcow2BitmapStore::Begin(bool behind_data) {
  TRY(image_.BeginChanges());
  opened_bytes_ = image_.header.virtual_size();
  if (behind_data) {
    const uint64_t start =
        TRY(BehindLastCluster(image_.cache(), image_.header));
    image_.refcounts().SearchFrom(start);
  }
  cluster_ = TRY(arena_->Allocate(image_.geometry().cluster_bytes()));
  if (HasSoundBitmaps()) {
    return MarkInUse();
  }
  const bool has_foreign_promise =
      image_.header.autoclear != KeptAutoclear(image_.header);
  if (image_.extensions.stale_bitmaps || has_foreign_promise) {
    return WriteHeader(list_.size() != 0);
  }
  return {};
}

// The directory is written in place, so that meanwhile nobody may trust it.
Status Qcow2BitmapStore::MarkInUse() {
  for (uint64_t i = 0; i < list_.size(); ++i) {
    Bitmap& bitmap = list_[i];
    bitmap.in_use = true;
    if (!bitmap.inconsistent) {
      bitmap.sources = TRY(StoredOf(bitmap));
    }
  }
  TRY(WriteHeader(false));
  TRY(WriteDirectory(directory_.offset, directory_.bytes));
  TRY(file_->Flush());
  return WriteHeader(true);
}

// ---- Header and directory ---------------------------------------------------

Status Qcow2BitmapStore::WriteHeader(bool promises_bitmaps) {
  const uint64_t others =
      KeptAutoclear(image_.header) & ~uint64_t{kAutoclearBitmaps};
  image_.header.autoclear =
      others | (promises_bitmaps ? uint64_t{kAutoclearBitmaps} : 0);
  image_.extensions.num_bitmaps = directory_.num_bitmaps;
  image_.extensions.bitmap_directory_offset = directory_.offset;
  image_.extensions.bitmap_directory_bytes = directory_.bytes;
  return image_.WriteHeader();
}

Status Qcow2BitmapStore::WriteDirectory(uint64_t offset, uint64_t bytes) {
  if (bytes != list_.DirectoryBytes()) {
    return Error{.fault = Fault::kQcow2BitmapDirectoryBroken, .value = bytes};
  }
  const uint64_t mark = arena_->Mark();
  const MutableBytes out = TRY(arena_->AllocateZeroed(bytes));
  TRY(list_.Encode(out));
  TRY(file_->WriteAt(offset, out.view()));
  arena_->Rewind(mark);
  return {};
}

Status Qcow2BitmapStore::ReplaceDirectory() {
  const Directory old = directory_;
  directory_ = {};
  if (list_.size() != 0) {
    directory_.num_bitmaps = list_.size();
    directory_.bytes = list_.DirectoryBytes();
    directory_.offset =
        TRY(image_.Allocate(image_.geometry().Clusters(directory_.bytes)));
    TRY(WriteDirectory(directory_.offset, directory_.bytes));
  }
  TRY(WriteHeader(list_.size() != 0));
  return image_.refcounts().Free(old.offset, old.bytes, false);
}

Status Qcow2BitmapStore::RecordWrites(const WrittenRuns& runs) {
  written_ = &runs;
  return image_.Reload();
}

// ---- Bits -------------------------------------------------------------------

Status Qcow2BitmapStore::Store() {
  if (!HasSoundBitmaps()) {
    return image_.tables().FlushAll();
  }
  for (uint64_t i = 0; i < list_.size(); ++i) {
    Bitmap& bitmap = list_[i];
    if (bitmap.inconsistent) {
      continue;
    }
    bitmap.in_use = false;
    bitmap.old_table = bitmap.table;
    TRY(StoreBits(bitmap));
  }
  TRY(ReplaceDirectory());
  for (uint64_t i = 0; i < list_.size(); ++i) {
    TRY(FreeTable(list_[i].old_table));
  }
  return image_.tables().FlushAll();
}

Status Qcow2BitmapStore::StoreBits(Bitmap& bitmap) {
  const uint64_t words = ShapeOf(bitmap.granularity_bits).words();
  const uint64_t entries =
      DivRoundUp(words * kWordBytes, image_.geometry().cluster_bytes());
  const uint64_t mark = arena_->Mark();
  const MutableBytes table = TRY(arena_->AllocateZeroed(entries * Be64::kSize));
  TRY(StoreClusters(bitmap, table));
  bitmap.table = {.offset = 0, .entries = entries};
  bitmap.table.offset =
      TRY(image_.Allocate(image_.geometry().Clusters(table.size())));
  TRY(file_->WriteAt(bitmap.table.offset, table.view()));
  arena_->Rewind(mark);
  return {};
}

Status Qcow2BitmapStore::StoreClusters(const Bitmap& bitmap,
                                       MutableBytes table) {
  const WrittenRuns* written = bitmap.recording ? written_ : nullptr;
  if (bitmap.sources == nullptr && written == nullptr) {
    return {};
  }
  const BitmapShape shape = ShapeOf(bitmap.granularity_bits);
  const uint64_t per_cluster = image_.geometry().cluster_bytes() / kWordBytes;
  const uint64_t entries = table.size() / Be64::kSize;
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t first = i * per_cluster;
    const uint64_t count = Min(shape.words() - first, per_cluster);
    const MutableBytes words = cluster_.Prefix(count * kWordBytes);
    cluster_.Fill(0);
    for (const BitSource* source = bitmap.sources; source != nullptr;
         source = source->next) {
      TRY(source->Merge(shape, first, words));
    }
    if (written != nullptr) {
      SetWritten(shape, *written, first, words);
    }
    if (shape.disk_bytes != opened_bytes_) {
      ClearBehindEnd(shape, first, words);
    }
    if (!HasBits(shape, first, words.view())) {
      continue;
    }
    const uint64_t offset = TRY(image_.Allocate(1));
    TRY(table.Put<Be64>(i * Be64::kSize, offset));
    TRY(file_->WriteAt(offset, cluster_.view()));
  }
  return {};
}

Status Qcow2BitmapStore::FreeTable(const BitmapTable& table) {
  if (table.offset == 0) {
    return {};
  }
  // Where the table cannot be what it should, nobody knows what is its own:
  // qemu-img lets all of it leak.
  const Status freed = FreeClusters(table);
  if (!freed.ok() && freed.error().fault == Fault::kQcow2BitmapTable) {
    return {};
  }
  TRY(freed);
  return image_.refcounts().Free(table.offset, table.entries * Be64::kSize,
                                 false);
}

Status Qcow2BitmapStore::FreeClusters(const BitmapTable& table) {
  const uint64_t bytes = image_.geometry().cluster_bytes();
  // Of a bitmap in use nobody has looked at the table yet.
  if (table.offset > kMaxReadOffset - table.entries * Be64::kSize) {
    return Error{.fault = Fault::kQcow2BitmapTable, .value = table.offset};
  }
  for (uint64_t pass = 0; pass < 2; ++pass) {
    for (uint64_t i = 0; i < table.entries; ++i) {
      const uint64_t entry =
          TRY(image_.cache().At<Be64>(table.offset + i * Be64::kSize));
      const uint64_t offset = entry & kBitmapTableOffsetMask;
      const bool is_wrong = (entry & kBitmapTableReservedMask) != 0 ||
                            image_.geometry().InCluster(offset) != 0 ||
                            (offset != 0 && (entry & kBitmapTableAllOnes) != 0);
      if (is_wrong) {
        return Error{.fault = Fault::kQcow2BitmapTable, .value = entry};
      }
      if (pass == 1 && offset != 0) {
        TRY(image_.refcounts().Free(offset, bytes, true));
      }
    }
  }
  return {};
}

}  // namespace instar::qcow2
