// Tables of one cluster each, read many at a time: those that adjoin in one
// request, all requests together.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::qcow2 {

class TableBatch {
 public:
  static constexpr uint64_t kMaxTables = 64;

  TableBatch() = default;
  // Room for tables of `table_bytes`, at most a cluster's 2 MiB.
  // Errors: kNoMemory.
  static Result<TableBatch> Create(Arena& arena, File& file,
                                   uint64_t table_bytes);

  void Clear() { count_ = 0; }
  bool full() const { return count_ == capacity_; }
  uint64_t count() const { return count_; }
  // REQUIRES: !full().
  void Add(uint64_t offset);
  // Reads all that were added.
  void Read();
  // The i-th that was added, up to the next Clear. Errors: kErrno.
  Result<ByteView> Table(uint64_t i);
  // The same, to be changed in memory.
  Result<MutableBytes> Writable(uint64_t i);
  // Tables may have changed in the file: each is read once more, up to the
  // next Read.
  void Distrust() { is_stale_ = true; }

 private:
  Result<MutableBytes> Room(uint64_t i) const;

  File* file_ = nullptr;
  uint64_t table_bytes_ = 0;
  uint64_t capacity_ = 0;
  uint64_t count_ = 0;
  bool is_stale_ = false;  // or one read at least has failed
  MutableBytes memory_;
  uint64_t offsets_[kMaxTables] = {};
};

}  // namespace instar::qcow2
