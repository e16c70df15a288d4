#include "lib/base/checked.h"
#include "lib/format/qcow2/check_references.h"
#include "lib/format/qcow2/mending.h"
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
    run.rebuild = true;
    return run.Corruption(Problem(Fault::kCheckReftableReserved, index));
  }
  if (!run.IsAligned(offset)) {
    run.rebuild = true;
    return run.Corruption(Problem(Fault::kCheckRefblockUnaligned, index));
  }
  const uint64_t cluster = run.ClusterOf(offset);
  if (cluster >= run.num_counted) {
    if (run.fix.errors) {
      return GrowToBlock(run, index, offset);
    }
    return run.Corruption(Problem(Fault::kCheckRefblockOutside, index));
  }
  if (offset == 0) {
    return {};
  }
  TRY(counts.AddRegion(run, offset, run.cluster_size()));
  if (!counts.Holds(cluster) || counts.Get(cluster) == 1) {
    return {};
  }
  run.rebuild = true;
  return run.CorruptionInCount(
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

// Returns whether the refcount is to be made what was counted.
Result<bool> ReportMismatch(CheckRun& run, RepairKinds fix, uint64_t cluster,
                            uint64_t stored, uint64_t counted) {
  const bool is_leak = stored > counted;
  run.rebuild |= stored == 0;
  if (stored != 0 && (is_leak ? fix.leaks : fix.errors)) {
    uint64_t& fixed =
        is_leak ? run.result.leaks_fixed : run.result.corruptions_fixed;
    ++fixed;
    TRY(run.visitor->OnProblem(
        Problem(Fault::kRepairRefcount, cluster, stored, counted)));
    return true;
  }
  if (!is_leak) {
    TRY(run.CorruptionHere(
        Problem(Fault::kCheckRefcountTooLow, cluster, stored, counted)));
    return false;
  }
  ++run.result.leaks;
  TRY(run.visitor->OnProblem(
      Problem(Fault::kCheckLeak, cluster, stored, counted)));
  return false;
}

// Compares the refcounts of a piece, and mends them.
Status ComparePiece(CheckRun& run, const ReferenceCounts& counts,
                    RepairKinds fix, Discards& discards,
                    RefcountWalk::Piece& piece, uint64_t& highest) {
  bool is_mended = false;
  for (uint64_t i = 0; i < piece.count; ++i) {
    const uint64_t cluster = piece.first + i;
    const uint64_t stored = piece.values[i];
    const uint64_t counted = counts.Get(cluster);
    if ((stored | counted) != 0) {
      highest = cluster;
    }
    if (stored == counted) {
      continue;
    }
    const bool mends = TRY(ReportMismatch(run, fix, cluster, stored, counted));
    if (!mends) {
      continue;
    }
    is_mended = true;
    piece.values[i] = counted;
    if (counted == 0) {
      TRY(discards.Add(cluster));
    }
  }
  return is_mended ? StoreRefcounts(*run.file, *run.cache, run.header, piece)
                   : Status();
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

Status CompareCounts(CheckRun& run, CheckRoom& room, RepairKinds fix,
                     uint64_t& highest) {
  const ReferenceCounts& counts = room.counts;
  if (counts.first() >= run.num_counted) {
    return {};
  }
  const uint64_t count = Min(counts.size(), run.num_counted - counts.first());
  RefcountWalk walk(*run.cache, room.batch, run.header, counts.first(), count);
  RefcountWalk::Piece piece;
  Discards discards(run);
  while (TRY(walk.Next(piece))) {
    if (piece.error.fault != Fault::kNone) {
      TRY(ReportUnreadable(run, piece));
      continue;
    }
    TRY(ComparePiece(run, counts, fix, discards, piece, highest));
  }
  return discards.Finish();
}

}  // namespace instar::qcow2
