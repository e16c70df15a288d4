// What of a bitmap store reaches the file, and in which order.
#include "lib/base/checked.h"
#include "lib/format/qcow2/bitmap_store.h"
#include "lib/format/qcow2/last_cluster.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

// Autoclear features that this program knows; whoever writes takes back the
// promises of others.
constexpr uint64_t kKnownAutoclear = kAutoclearBitmaps | kAutoclearRawDataFile;

// What can be read but not written.
Status CheckWritable(const Header& header) {
  if ((header.incompatible & kIncompatibleCorrupt) != 0) {
    return Error{.fault = Fault::kQcow2ImageCorrupt};
  }
  if ((header.incompatible & kIncompatibleDirty) != 0) {
    const ByteView what = ByteView::Of("writing an image that is marked dirty");
    return Error{.fault = Fault::kUnsupported,
                 .text = what.data(),
                 .text_bytes = static_cast<uint32_t>(what.size())};
  }
  if (header.refcount_table_offset == 0) {
    return Error{.fault = Fault::kQcow2ReftableOffset};
  }
  return {};
}

}  // namespace

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
  TRY(CheckWritable(header_));
  geometry_ = {.version = header_.version,
               .cluster_bits = header_.cluster_bits,
               .refcount_order = header_.refcount_order,
               .extended_l2 = header_.has_extended_l2(),
               .external_data = header_.has_data_file(),
               .virtual_size = header_.virtual_size()};
  TRY(tables_.Init(*arena_, *file_, geometry_.cluster_bytes()));
  refcounts_ = TRY(arena_->New<Refcounts>(*file_, tables_, geometry_,
                                          header_.refcount_table_offset,
                                          header_.refcount_table_clusters));
  if (behind_data) {
    const uint64_t start = TRY(BehindLastCluster(cache_, header_));
    refcounts_->SearchFrom(start);
  }
  TRY(rewrite_.Init(*arena_, *file_, header_));
  cluster_ = TRY(arena_->Allocate(geometry_.cluster_bytes()));
  if (HasSoundBitmaps()) {
    return MarkInUse();
  }
  const bool has_foreign_promise = (header_.autoclear & ~kKnownAutoclear) != 0;
  if (extensions_.stale_bitmaps || has_foreign_promise) {
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
      header_.autoclear & kKnownAutoclear & ~uint64_t{kAutoclearBitmaps};
  TRY(rewrite_.Write(
      {.autoclear =
           others | (promises_bitmaps ? uint64_t{kAutoclearBitmaps} : 0),
       .refcount_table_offset = refcounts_->table_offset(),
       .refcount_table_clusters = refcounts_->table_clusters(),
       .num_bitmaps = directory_.num_bitmaps,
       .bitmap_directory_offset = directory_.offset,
       .bitmap_directory_bytes = directory_.bytes}));
  return file_->Flush();
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
    directory_.offset = TRY(TakeClusters(geometry_.Clusters(directory_.bytes)));
    TRY(WriteDirectory(directory_.offset, directory_.bytes));
    TRY(tables_.FlushAll());
    TRY(file_->Flush());
  }
  TRY(WriteHeader(list_.size() != 0));
  return refcounts_->Free(old.offset, old.bytes, false);
}

Result<uint64_t> Qcow2BitmapStore::TakeClusters(uint64_t count) {
  const uint64_t offset = TRY(refcounts_->Allocate(count));
  // Where the refcounts lie about the first cluster it is the header's still.
  if (offset == 0) {
    return Error{.fault = Fault::kQcow2CorruptEntry};
  }
  return offset;
}

// ---- Bits -------------------------------------------------------------------

Status Qcow2BitmapStore::Store() {
  if (!HasSoundBitmaps()) {
    return tables_.FlushAll();
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
  return tables_.FlushAll();
}

Status Qcow2BitmapStore::StoreBits(Bitmap& bitmap) {
  const uint64_t words = ShapeOf(bitmap.granularity_bits).words();
  const uint64_t entries =
      DivRoundUp(words * kWordBytes, geometry_.cluster_bytes());
  const uint64_t mark = arena_->Mark();
  const MutableBytes table = TRY(arena_->AllocateZeroed(entries * Be64::kSize));
  TRY(StoreClusters(bitmap, table));
  bitmap.table = {.offset = 0, .entries = entries};
  bitmap.table.offset = TRY(TakeClusters(geometry_.Clusters(table.size())));
  TRY(file_->WriteAt(bitmap.table.offset, table.view()));
  arena_->Rewind(mark);
  return {};
}

Status Qcow2BitmapStore::StoreClusters(const Bitmap& bitmap,
                                       MutableBytes table) {
  if (bitmap.sources == nullptr) {
    return {};
  }
  const BitmapShape shape = ShapeOf(bitmap.granularity_bits);
  const uint64_t per_cluster = geometry_.cluster_bytes() / kWordBytes;
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
    if (!HasBits(shape, first, words.view())) {
      continue;
    }
    const uint64_t offset = TRY(TakeClusters(1));
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
  return refcounts_->Free(table.offset, table.entries * Be64::kSize, false);
}

Status Qcow2BitmapStore::FreeClusters(const BitmapTable& table) {
  const uint64_t bytes = geometry_.cluster_bytes();
  // Of a bitmap in use nobody has looked at the table yet.
  if (table.offset > kMaxReadOffset - table.entries * Be64::kSize) {
    return Error{.fault = Fault::kQcow2BitmapTable, .value = table.offset};
  }
  for (uint64_t pass = 0; pass < 2; ++pass) {
    for (uint64_t i = 0; i < table.entries; ++i) {
      const uint64_t entry =
          TRY(cache_.At<Be64>(table.offset + i * Be64::kSize));
      const uint64_t offset = entry & kBitmapTableOffsetMask;
      const bool is_wrong = (entry & kBitmapTableReservedMask) != 0 ||
                            geometry_.InCluster(offset) != 0 ||
                            (offset != 0 && (entry & kBitmapTableAllOnes) != 0);
      if (is_wrong) {
        return Error{.fault = Fault::kQcow2BitmapTable, .value = entry};
      }
      if (pass == 1 && offset != 0) {
        TRY(refcounts_->Free(offset, bytes, true));
      }
    }
  }
  return {};
}

}  // namespace instar::qcow2
