// The L2 tables that an L1 table names, one after the other.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/table_batch.h"

namespace instar::qcow2 {

struct L1Table {
  uint64_t offset = 0;
  uint64_t num_entries = 0;
};

class TableWalk {
 public:
  // Bytes of an L1 table that are kept.
  static constexpr uint64_t kChunkBytes = 64 * 1024;

  // Leaves out entries that have none of the bits in `mask`. `chunk` is
  // kChunkBytes long; it and `batch` are the walk's while it lasts.
  TableWalk(File& file, TableBatch& batch, MutableBytes chunk, L1Table l1,
            uint64_t mask)
      : file_(&file), batch_(&batch), chunk_(chunk), l1_(l1), mask_(mask) {
    batch.Clear();
  }

  // Moves on to the next entry; false: there is none.
  // Errors: kErrno, of the L1 table.
  Result<bool> Next();

  // Of the entry that Next moved to.
  uint64_t index() const { return indices_[at_]; }
  uint64_t entry() const { return entries_[at_]; }
  // Errors: kErrno.
  Result<ByteView> table() const { return batch_->Table(at_); }
  Result<MutableBytes> writable_table() const { return batch_->Writable(at_); }

 private:
  Status Fill();

  File* file_;
  TableBatch* batch_;
  MutableBytes chunk_;
  L1Table l1_;
  uint64_t mask_;
  uint64_t next_index_ = 0;   // the first that is in no batch yet
  uint64_t chunk_start_ = 0;  // index of the chunk's first entry
  uint64_t chunk_entries_ = 0;
  uint64_t at_ = 0;
  bool started_ = false;
  uint64_t indices_[TableBatch::kMaxTables] = {};
  uint64_t entries_[TableBatch::kMaxTables] = {};
};

}  // namespace instar::qcow2
