// Counts every reference that an image's metadata makes, and reports what is
// wrong with the metadata on the way.
#pragma once

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/check_run.h"
#include "lib/format/qcow2/reference_counts.h"
#include "lib/format/qcow2/table_batch.h"
#include "lib/format/qcow2/table_walk.h"

namespace instar::qcow2 {

// Opens the image in run.file, which is read through `cache` from now on.
// Errors: those of opening, which qemu-img reports as such.
Status OpenForCheck(Arena& arena, CheckRun& run, BlockCache& cache);

// What a walk over the metadata needs.
struct CheckRoom {
  ReferenceCounts counts;
  TableBatch batch;
  MutableBytes chunk;  // TableWalk::kChunkBytes
};

// Each of these walks through one kind of metadata, in qemu-img's order.
// Errors, in all of them: the visitor's; kErrno, which ends the check.

// All metadata once, in qemu-img's order.
Status CountReferences(CheckRun& run, CheckRoom& room);

// An L1 table with its L2 tables and what they map. `active`: the image's own,
// whose clusters are counted for the statistics.
Status CountTables(CheckRun& run, CheckRoom& room, L1Table l1, bool active);
// The snapshots' L1 tables, and the snapshot table.
Status CountSnapshots(CheckRun& run, CheckRoom& room);
Status CountBitmaps(CheckRun& run, CheckRoom& room);
// The refcount table and its blocks.
Status CountRefcounts(CheckRun& run, CheckRoom& room);

// Whether the snapshot table can be read; sets run.snapshot_table_bytes.
Status CheckSnapshotTable(CheckRun& run);
// Compares the counts with what is stored, in the window, and makes what `fix`
// has as it was counted; nothing of it is durable yet. `highest`: the highest
// cluster so far that is in use.
Status CompareCounts(CheckRun& run, CheckRoom& room, RepairKinds fix,
                     uint64_t& highest);
// Whether a table or cluster says of itself that nobody shares it exactly
// where its stored refcount is 1. With run.fix the flags are made so, where
// that is safe.
Status CheckCopiedFlags(CheckRun& run, CheckRoom& room);

}  // namespace instar::qcow2
