// The bitmaps of a qcow2 image, changed as qemu-img changes them: all are
// marked as in use when the image is opened, and stored anew in the end.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/bitmap_store.h"
#include "lib/format/qcow2/bitmap_list.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/stored_bits.h"

namespace instar::qcow2 {

class Qcow2BitmapStore final : public BitmapStore {
 public:
  Qcow2BitmapStore(Arena& arena, File& file)
      : arena_(&arena), file_(&file), image_(arena, file) {}
  Qcow2BitmapStore(const Qcow2BitmapStore&) = delete;
  Qcow2BitmapStore& operator=(const Qcow2BitmapStore&) = delete;

  // Called once, before anything else.
  Status Open(uint64_t room);
  // What else changes in the image while its bitmaps are open goes through it.
  Metadata& image() { return image_; }

  uint64_t count() const override { return list_.size(); }
  BitmapFacts At(uint64_t index) const override;
  bool supported() const override { return image_.header.version >= 3; }

  Status Begin(bool behind_data) override;
  Status Add(ByteView name, uint64_t granularity) override;
  Status Remove(ByteView name) override;
  Status Clear(ByteView name) override;
  Status SetRecording(ByteView name, bool recording) override;
  Status Merge(ByteView name, BitmapStore& from, ByteView source) override;
  Status RecordWrites(const WrittenRuns& runs) override;
  Status Store() override;

 private:
  struct Directory {
    uint64_t offset = 0;  // bytes
    uint64_t bytes = 0;
    uint64_t num_bitmaps = 0;
  };

  // The bitmap of that name, which is there, or an error.
  Result<Bitmap*> Find(ByteView name);
  Result<Bitmap*> FindSound(ByteView name);
  BitmapShape ShapeOf(uint64_t granularity_bits) const {
    return {.disk_bytes = image_.header.virtual_size(),
            .granularity_bits = granularity_bits};
  }
  Status CheckNew(ByteView name, uint64_t granularity);
  // What is stored of `bitmap`, as a source of bits. Errors: kNoMemory.
  Result<BitSource*> StoredOf(const Bitmap& bitmap);

  bool HasSoundBitmaps() const;
  Status MarkInUse();
  Status WriteHeader(bool promises_bitmaps);
  Status WriteDirectory(uint64_t offset, uint64_t bytes);
  // Puts the list into a new directory and frees the old one.
  Status ReplaceDirectory();
  Status StoreBits(Bitmap& bitmap);
  // The clusters that the table's entries refer to, which are set in `table`.
  Status StoreClusters(const Bitmap& bitmap, MutableBytes table);
  Status FreeTable(const BitmapTable& table);
  Status FreeClusters(const BitmapTable& table);

  Arena* arena_;
  File* file_;
  Metadata image_;
  BitmapList list_;
  BitReader reader_;
  uint64_t num_listed_ = 0;  // of the list: those that the directory has
  Directory directory_;
  // From Begin on.
  uint64_t opened_bytes_ = 0;  // the disk's length then
  MutableBytes cluster_;
  const WrittenRuns* written_ = nullptr;
};

}  // namespace instar::qcow2
