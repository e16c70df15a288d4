// The snapshot table (qcow2.txt, "Snapshots") of an image whose snapshots
// change: its records as they are, and a new table made from them.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/metadata.h"

namespace instar::qcow2 {

// A record of the table, without its texts.
struct SnapshotRecord {
  static constexpr uint64_t kNoIcount = ~uint64_t{0};

  uint64_t index = 0;
  uint64_t l1_offset = 0;
  uint64_t l1_entries = 0;
  uint32_t date_sec = 0;
  uint32_t date_nsec = 0;
  uint64_t vm_clock_nsec = 0;
  uint64_t vm_state_size = 0;
  uint64_t disk_size = 0;  // bytes; the present one where none is recorded
  uint64_t icount = kNoIcount;

  // Where the parts of variable length are in the file.
  uint64_t extra_offset = 0;
  uint64_t extra_bytes = 0;
  uint64_t id_offset = 0;
  uint64_t id_bytes = 0;
  uint64_t name_offset = 0;
  uint64_t name_bytes = 0;

  uint64_t end() const { return name_offset + name_bytes; }
};

class SnapshotList {
 public:
  // `image` must outlive this.
  explicit SnapshotList(Metadata& image) : image_(&image) {}

  // The one after `record`, or the first where that is null. False: there are
  // no more. Errors: kErrno, kQcow2SnapshotExtra, kQcow2SnapshotTableTooBig.
  Result<bool> Next(const SnapshotRecord* after, SnapshotRecord& record);

  // As qemu-img finds them. False: there is none. Errors: those of Next.
  Result<bool> FindName(ByteView name, SnapshotRecord& record);
  Result<bool> FindIdOrName(ByteView text, SnapshotRecord& record);
  // One more than the greatest id.
  Result<uint64_t> NewId();

  // Makes a table without `removed`, and with `added`, where they are not null,
  // in clusters of its own; the header's place of the table is set, in memory.
  // `added` has its texts in `id` and `name`. Bytes reach the file when the
  // image is synced. Errors: kErrno, with EFBIG where it is too long.
  Status Rewrite(const SnapshotRecord* removed, const SnapshotRecord* added,
                 ByteView id, ByteView name);
  // Drops the table that the header had before Rewrite.
  Status FreeOld();

 private:
  Result<bool> IsText(uint64_t offset, uint64_t length, ByteView text);
  Result<uint64_t> IdOf(const SnapshotRecord& record);
  Status Measure(const SnapshotRecord* removed);
  Status Put(ByteView bytes);
  Status PutFixed(const SnapshotRecord& record);
  Status PutCopy(uint64_t offset, uint64_t length);
  Status PutRecord(const SnapshotRecord& record);
  Status Flush();

  Metadata* image_;
  uint64_t old_offset_ = 0;
  uint64_t old_bytes_ = 0;

  // The new table.
  uint64_t bytes_ = 0;
  uint64_t count_ = 0;
  uint64_t offset_ = 0;
  uint64_t written_ = 0;  // bytes of it that are in the file
  uint64_t buffered_ = 0;
  MutableBytes buffer_;
};

}  // namespace instar::qcow2
