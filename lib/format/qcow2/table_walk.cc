#include "lib/format/qcow2/table_walk.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/check_run.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {

Result<bool> TableWalk::Next() {
  if (started_ && at_ + 1 < batch_->count()) {
    ++at_;
    return true;
  }
  started_ = true;
  at_ = 0;
  TRY(Fill());
  return batch_->count() != 0;
}

Status TableWalk::Fill() {
  constexpr uint64_t kPerChunk = kChunkBytes / kL1EntryBytes;
  batch_->Clear();
  while (next_index_ < l1_.num_entries && !batch_->full()) {
    if (next_index_ >= chunk_start_ + chunk_entries_) {
      chunk_start_ = next_index_;
      chunk_entries_ = Min(kPerChunk, l1_.num_entries - next_index_);
      TRY(file_->ReadAt(l1_.offset + chunk_start_ * kL1EntryBytes,
                        chunk_.Prefix(chunk_entries_ * kL1EntryBytes)));
    }
    const auto entries = chunk_.view().Array<Be64>();
    const uint64_t end = chunk_start_ + chunk_entries_;
    while (next_index_ < end && !batch_->full()) {
      const uint64_t entry = entries[next_index_ - chunk_start_];
      if ((entry & mask_) != 0) {
        indices_[batch_->count()] = next_index_;
        entries_[batch_->count()] = entry;
        batch_->Add(entry & kL1OffsetMask);
      }
      ++next_index_;
    }
  }
  batch_->Read();
  return {};
}

}  // namespace instar::qcow2
