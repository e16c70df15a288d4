#include "lib/format/qcow2/table_batch.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/check_run.h"

namespace instar::qcow2 {
namespace {

// Enough to keep the host busy, and little enough for a CPU's cache.
constexpr uint64_t kBatchBytes = 1 << 20;

bool CanBeRead(uint64_t offset, uint64_t bytes) {
  return offset <= kMaxReadOffset - bytes;
}

}  // namespace

Result<TableBatch> TableBatch::Create(Arena& arena, File& file,
                                      uint64_t table_bytes) {
  TableBatch batch;
  batch.file_ = &file;
  batch.table_bytes_ = table_bytes;
  batch.capacity_ = Max(1, Min(kMaxTables, kBatchBytes / table_bytes));
  batch.memory_ = TRY(arena.Allocate(batch.capacity_ * table_bytes, 4096));
  return batch;
}

void TableBatch::Add(uint64_t offset) {
  INSTAR_CHECK(!full());
  offsets_[count_++] = offset;
}

Result<MutableBytes> TableBatch::Room(uint64_t i) const {
  return memory_.Slice(i * table_bytes_, table_bytes_);
}

void TableBatch::Read() {
  FileRead reads[kMaxTables];
  uint64_t num_reads = 0;
  uint64_t next = 0;  // where the last read ends; 0: there is none
  for (uint64_t i = 0; i < count_; ++i) {
    if (!CanBeRead(offsets_[i], table_bytes_)) {
      next = 0;
      continue;
    }
    const MutableBytes room = Room(i).value();
    if (next != 0 && offsets_[i] == next) {
      MutableBytes& out = reads[num_reads - 1].out;
      out = MutableBytes(out.data(), out.size() + table_bytes_);
    } else {
      reads[num_reads++] = {.offset = offsets_[i], .out = room};
    }
    next = offsets_[i] + table_bytes_;
  }
  is_stale_ = !file_->ReadEach(reads, num_reads).ok();
}

Result<ByteView> TableBatch::Table(uint64_t i) {
  const MutableBytes table = TRY(Writable(i));
  return table.view();
}

Result<MutableBytes> TableBatch::Writable(uint64_t i) {
  INSTAR_CHECK(i < count_);
  if (!CanBeRead(offsets_[i], table_bytes_)) {
    return EndsWith(kEio);
  }
  const MutableBytes room = TRY(Room(i));
  if (is_stale_) {
    TRY(file_->ReadAt(offsets_[i], room));
  }
  return room;
}

}  // namespace instar::qcow2
