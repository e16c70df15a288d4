#include "lib/base/checked.h"
#include "lib/format/qcow2/check_references.h"
#include "lib/format/qcow2/stored_refcounts.h"

namespace instar::qcow2 {
namespace {

Error Problem(Fault fault, uint64_t value = 0, uint64_t value2 = 0,
              uint64_t value3 = 0) {
  return {.fault = fault, .value = value, .value2 = value2, .value3 = value3};
}

// The block that entry `index` of the refcount table names.
Status CountBlock(CheckRun& run, ReferenceCounts& counts, uint64_t index,
                  uint64_t entry) {
  const uint64_t offset = entry & kRefcountTableOffsetMask;
  if (run.rules.reserved_bits && (entry & kRefcountTableReservedMask) != 0) {
    return run.Corruption(Problem(Fault::kCheckReftableReserved, index));
  }
  if (!run.IsAligned(offset)) {
    return run.Corruption(Problem(Fault::kCheckRefblockUnaligned, index));
  }
  const uint64_t cluster = run.ClusterOf(offset);
  if (cluster >= run.num_counted) {
    return run.Corruption(Problem(Fault::kCheckRefblockOutside, index));
  }
  if (offset == 0) {
    return {};
  }
  TRY(counts.AddRegion(run, offset, run.cluster_size()));
  if (!counts.Holds(cluster) || counts.Get(cluster) == 1) {
    return {};
  }
  return run.CorruptionHere(
      Problem(Fault::kCheckRefblockRefcount, index, counts.Get(cluster)));
}

// Clusters whose refcounts cannot be read.
Status ReportUnreadable(CheckRun& run, const RefcountWalk::Piece& piece) {
  if (piece.error.fault == Fault::kCheckRefblockOffset) {
    TRY(run.BadRefblock(piece.error));
  }
  for (uint64_t i = 0; i < piece.count; ++i) {
    ++run.result.check_errors;
    TRY(run.visitor->OnProblem({.fault = Fault::kCheckRefcountUnreadable,
                                .value = piece.first + i,
                                .error = piece.error.error}));
  }
  return {};
}

Status ReportMismatch(CheckRun& run, uint64_t cluster, uint64_t stored,
                      uint64_t counted) {
  if (stored < counted) {
    return run.CorruptionHere(
        Problem(Fault::kCheckRefcountTooLow, cluster, stored, counted));
  }
  ++run.result.leaks;
  return run.visitor->OnProblem(
      Problem(Fault::kCheckLeak, cluster, stored, counted));
}

}  // namespace

Status CountRefcounts(CheckRun& run, CheckRoom& room) {
  const Header& header = run.header;
  const uint64_t bytes = header.refcount_table_clusters * run.cluster_size();
  TRY(room.counts.AddRegion(run, header.refcount_table_offset, bytes));
  // The table is 8 MiB long at most.
  for (uint64_t i = 0; i < bytes / kRefcountTableEntryBytes; ++i) {
    const uint64_t entry = TRY(run.cache->At<Be64>(
        header.refcount_table_offset + i * kRefcountTableEntryBytes));
    if (entry != 0) {
      TRY(CountBlock(run, room.counts, i, entry));
    }
  }
  return {};
}

Status CompareCounts(CheckRun& run, CheckRoom& room, uint64_t& highest) {
  const ReferenceCounts& counts = room.counts;
  if (counts.first() >= run.num_counted) {
    return {};
  }
  const uint64_t count = Min(counts.size(), run.num_counted - counts.first());
  RefcountWalk walk(*run.cache, room.batch, run.header, counts.first(), count);
  RefcountWalk::Piece piece;
  while (TRY(walk.Next(piece))) {
    if (piece.error.fault != Fault::kNone) {
      TRY(ReportUnreadable(run, piece));
      continue;
    }
    for (uint64_t i = 0; i < piece.count; ++i) {
      const uint64_t stored = piece.values[i];
      const uint64_t counted = counts.Get(piece.first + i);
      if ((stored | counted) != 0) {
        highest = piece.first + i;
      }
      if (stored != counted) {
        TRY(ReportMismatch(run, piece.first + i, stored, counted));
      }
    }
  }
  return {};
}

}  // namespace instar::qcow2
