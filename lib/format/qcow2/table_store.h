// The tables of an image that is written, in memory as far as they fit, and
// the order in which they reach the file.
//
// A crash must leave no reference to a cluster whose refcount is 0. While
// clusters are allocated, refcounts are therefore written before the tables
// that refer to the clusters; while clusters are freed, after them. A change
// from one to the other first writes what must come first.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/page_cache.h"

namespace instar::qcow2 {

// In the order in which they are written while clusters are allocated.
enum class Table : uint8_t { kRefcountBlock, kRefcountTable, kL2, kL1 };
inline constexpr uint64_t kNumTables = 4;

class TableStore {
 public:
  static constexpr uint64_t kUsualBytes = 6 << 20;

  // Takes at most `budget` bytes, and at most half of what is left in `arena`.
  // Errors: kNoMemory.
  Status Init(Arena& arena, File& file, uint64_t cluster_bytes,
              uint64_t budget = kUsualBytes);

  // From now on each kind of table is written only when all that was written
  // to the file before is durable: for images that hold something to lose.
  // `data`: an external data file, which comes first, too; null: none.
  void WriteInOrder(File* data = nullptr) {
    in_order_ = true;
    data_ = data;
  }

  uint64_t page_bytes() const { return page_bytes_; }

  // The page of `table` that holds file byte `offset`. Valid until the next
  // call for the same table.
  Result<Page*> Get(Table table, uint64_t offset);

  // A new table: [offset, +bytes), whole pages, becomes zeroes in memory, to
  // be written like any change.
  Status PutZeroes(Table table, uint64_t offset, uint64_t bytes);

  void MarkDirty(Table table, Page* page) { Cache(table).MarkDirty(page); }

  // Entries of tables of 64-bit numbers.
  Result<uint64_t> Load64(Table table, uint64_t offset);
  Status Store64(Table table, uint64_t offset, uint64_t value);

  // To be called before refcounts grow, and before they shrink.
  Status BeginAllocating();
  Status BeginFreeing();

  // The cluster holds no table any more: forget what is cached of it.
  void DropCluster(uint64_t offset);

  // What was written so far comes before whatever follows, where that matters.
  Status Barrier();

  // Writes all refcounts, or everything.
  Status FlushRefcounts();
  Status FlushAll();

 private:
  PageCache& Cache(Table table) {
    return caches_[static_cast<uint64_t>(table)];
  }
  Result<Page*> MakeRoom(Table table);
  Status Write(Table table);

  File* file_ = nullptr;
  File* data_ = nullptr;  // of WriteInOrder
  PageCache caches_[kNumTables];
  uint64_t cluster_bytes_ = 0;
  uint64_t page_bytes_ = 0;
  bool freeing_ = false;
  bool in_order_ = false;
};

}  // namespace instar::qcow2
