// New refcounts for an image whose own are beyond repair: blocks and a table
// that say what was counted, in clusters that nothing refers to. Not before
// all of it is durable does the header refer to it.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/check_run.h"
#include "lib/format/qcow2/reference_counts.h"

namespace instar::qcow2 {

class RefcountRebuild {
 public:
  // Clusters that the refcounts of a file of `clusters` clusters may take.
  static uint64_t Reserve(const Header& header, uint64_t clusters);

  // Room for the tables of an image of `clusters` clusters, Reserve included.
  // Errors: kNoMemory, also where no refcount table can be so long.
  Status Init(Arena& arena, const Header& header, uint64_t clusters);

  // Places the new refcounts, counting them too, writes them and makes the
  // header refer to them. `counts` must hold the whole file. What goes wrong is
  // told. Errors: kErrno, which ends the repair; the visitor's.
  Status Run(CheckRun& run, ReferenceCounts& counts);

 private:
  uint64_t entries_per_cluster() const;
  uint64_t per_block() const;

  // The lowest run of `count` clusters from `first_free` on that nothing
  // refers to; they count as referred to from then on. `first_free` moves to
  // the first free cluster.
  Result<uint64_t> Take(uint64_t count, uint64_t& first_free);
  // A block for each cluster in [first, end) that is in use.
  Status PlaceBlocks(uint64_t first, uint64_t end);
  Status PlaceTable();
  // Tables that are referred to and that nobody counted, in clusters that are
  // free.
  struct Forgotten {
    uint64_t l2_tables = 0;
    uint64_t blocks = 0;
  };
  Result<Forgotten> CountForgotten();
  bool IsFree(uint64_t offset) const;
  // What of the metadata the new refcounts would overwrite, `before` they were
  // placed; empty: nothing.
  Result<ByteView> FindOverlap(const Forgotten& before);
  Status WriteBlocks();
  Status WriteTable();
  Status SwitchHeader();
  Status TellOverlap(ByteView hit);
  Status FailsWith(Fault fault, int32_t error);

  CheckRun* run_ = nullptr;
  ReferenceCounts* counts_ = nullptr;
  MutableBytes table_;
  MutableBytes block_;
  uint64_t num_entries_ = 0;  // of the table so far, in whole clusters
  uint64_t table_cluster_ = 0;
  bool has_grown_ = false;
  bool hits_table_ = false;  // the overlap is the table's
};

}  // namespace instar::qcow2
