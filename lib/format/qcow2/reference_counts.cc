#include "lib/format/qcow2/reference_counts.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/format/qcow2/stored_refcounts.h"

namespace instar::qcow2 {
namespace {

// Windows smaller than this would be no progress to speak of.
constexpr uint64_t kMinWindow = 1024;
constexpr uint64_t kAlignment = 64;
// qemu takes what is beyond this for clusters that it has no memory for.
constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();

// Memory for the counters and the bits of `count` clusters.
uint64_t BytesFor(uint64_t count, bool wide) {
  return Counters::Bytes(count, wide) + BitArray::Bytes(count);
}

}  // namespace

Result<ReferenceCounts> ReferenceCounts::Create(Arena& arena,
                                                uint64_t num_clusters,
                                                uint64_t refcount_order) {
  ReferenceCounts counts;
  counts.wide_ = refcount_order > kDefaultRefcountOrder;
  counts.max_refcount_ =
      refcount_order == kMaxRefcountOrder
          ? ~uint64_t{0}
          : (uint64_t{1} << (uint64_t{1} << refcount_order)) - 1;
  uint64_t clusters = num_clusters;
  const uint64_t room = arena.available() - Min(arena.available(), kAlignment);
  if (BytesFor(clusters, counts.wide_) > room) {
    // 17 or 33 bits a cluster.
    clusters = AlignDown(room * 8 / (counts.wide_ ? 33 : 17), 8);
    if (clusters < kMinWindow) {
      return Error{.fault = Fault::kNoMemory, .value = num_clusters};
    }
  }
  counts.max_clusters_ = clusters;
  counts.memory_ =
      TRY(arena.Allocate(BytesFor(clusters, counts.wide_), kAlignment));
  return counts;
}

Status ReferenceCounts::ReadOnes(CheckRun& run, TableBatch& batch) {
  RefcountWalk walk(*run.cache, batch, run.header, first_, size_);
  RefcountWalk::Piece piece;
  while (TRY(walk.Next(piece))) {
    if (piece.error.fault != Fault::kNone) {
      continue;
    }
    for (uint64_t i = 0; i < piece.count; ++i) {
      if (piece.values[i] == 1) {
        ones_.Set(piece.first - first_ + i);
      }
    }
  }
  return {};
}

Status ReferenceCounts::SetWindow(CheckRun& run, TableBatch& batch,
                                  uint64_t first, uint64_t count) {
  INSTAR_CHECK(count <= max_clusters_);
  first_ = first;
  size_ = count;
  const uint64_t bytes = Counters::Bytes(count, wide_);
  counters_ = Counters(TRY(memory_.Slice(0, bytes)), wide_);
  ones_ = BitArray(TRY(memory_.Slice(bytes, BitArray::Bytes(count))));
  return ReadOnes(run, batch);
}

Status ReferenceCounts::KeepOnesOnly(CheckRun& run, TableBatch& batch,
                                     uint64_t num_clusters) {
  first_ = 0;
  size_ = Min(num_clusters, memory_.size() * 8);
  counters_ = Counters();
  ones_ = BitArray(memory_.Prefix(BitArray::Bytes(size_)));
  return ReadOnes(run, batch);
}

Status ReferenceCounts::AddCluster(CheckRun& run, uint64_t offset) {
  const uint64_t cluster = run.ClusterOf(offset);
  if (!Holds(cluster) || Add(cluster)) {
    return {};
  }
  run.has_overflown = true;
  return run.CorruptionInCount(
      {.fault = Fault::kCheckCountOverflow, .value = offset});
}

Status ReferenceCounts::AddRegion(CheckRun& run, uint64_t offset,
                                  uint64_t bytes) {
  if (bytes == 0) {
    return {};
  }
  // The last cluster need not be there in full. The difference is qemu's,
  // signed and cut to 64 bits.
  const auto past_end = static_cast<int64_t>(offset + bytes - run.file_bytes);
  if (past_end >= static_cast<int64_t>(run.cluster_size())) {
    return run.Corruption({.fault = Fault::kCheckRegionBeyondEnd,
                           .value = offset,
                           .value2 = bytes});
  }
  const auto end = CheckedAdd(offset, bytes);
  if (!end.ok() || end.value() > kMaxOffset) {
    ++run.result.check_errors;
    return EndsWith(kEnomem);
  }
  const uint64_t last = run.ClusterOf(end.value() - 1);
  run.num_counted = Max(run.num_counted, last + 1);
  const uint64_t stop = Min(last + 1, first_ + size_);
  for (uint64_t i = Max(run.ClusterOf(offset), first_); i < stop; ++i) {
    TRY(AddCluster(run, i << run.header.cluster_bits));
  }
  return {};
}

}  // namespace instar::qcow2
