#include "guest/op/commit/commit_plan.h"

#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::guest {
namespace {

// qemu-img copies in chunks that are the clusters of the base, within bounds.
constexpr uint64_t kMinChunkBytes = 4 << 10;
constexpr uint64_t kMaxChunkBytes = 64 << 10;
// It looks at so many adjoining ones at a time, and copies so much at once.
constexpr uint64_t kBatchBytes = 10 << 20;
constexpr uint64_t kCopyBytes = 1 << 20;

uint64_t ChunkBytes(const Image& base) {
  const uint64_t cluster = base.facts().cluster_size;
  return cluster == 0 ? kMaxChunkBytes
                      : Min(Max(cluster, kMinChunkBytes), kMaxChunkBytes);
}

// What a target fills up from what it had when a part of it is written.
uint64_t FilledBytes(const Image& base) {
  constexpr uint64_t kSubclusters = 32;  // qcow2.txt, "Extended L2 Entries"
  const ImageFacts& facts = base.facts();
  return facts.qcow2 != nullptr && facts.qcow2->extended_l2
             ? facts.cluster_size / kSubclusters
             : facts.cluster_size;
}

}  // namespace

CommitPlan::CommitPlan(Image& top, const Image& base)
    : top_(&top),
      base_(&base),
      size_(top.virtual_size()),
      base_cluster_(Max(base.facts().cluster_size, 1)),
      chunk_bytes_(ChunkBytes(base)),
      // What the target fills up need not be read.
      skips_base_(FilledBytes(base) > chunk_bytes_) {}

Result<bool> CommitPlan::HasBytes(uint64_t chunk) {
  const uint64_t end = Min(chunk + chunk_bytes_, size_);
  uint64_t at = chunk;
  while (at < end) {
    if (at < run_start_ || at >= run_end_) {
      const Extent extent =
          TRY(LocateAbove(top_, base_, at, size_ - at, false, nullptr));
      run_start_ = at;
      run_end_ = extent.length == 0 ? size_ : at + extent.length;
      run_has_bytes_ = (extent.flags & kExtentAllocated) != 0;
    }
    if (run_has_bytes_) {
      return true;
    }
    at = run_end_;
  }
  return false;
}

Result<bool> CommitPlan::FindBatch() {
  uint64_t start = batch_end_;
  while (start < size_ && !TRY(HasBytes(start))) {
    // The run that ended the search has nothing up to its end.
    start = Max(start + chunk_bytes_, AlignDown(run_end_, chunk_bytes_));
  }
  if (start >= size_) {
    position_ = size_;
    return false;
  }
  position_ = start;
  batch_end_ = start + chunk_bytes_;
  while (batch_end_ < size_ && batch_end_ - start < kBatchBytes &&
         TRY(HasBytes(batch_end_))) {
    batch_end_ += chunk_bytes_;
  }
  return true;
}

Status CommitPlan::FindPart() {
  const uint64_t left = Min(batch_end_, size_) - position_;
  const Extent extent =
      TRY(LocateAbove(top_, nullptr, position_, left, true, nullptr));
  const bool is_data = (extent.flags & kExtentData) != 0;
  uint64_t length = is_data ? Min(extent.length, kCopyBytes) : extent.length;
  length = AlignDown(length, chunk_bytes_);
  part_kind_ = LayerWork::Kind::kCopy;
  if (length == 0) {
    length = chunk_bytes_;
  } else if (!is_data && position_ % base_cluster_ == 0 &&
             length % base_cluster_ == 0) {
    part_kind_ = LayerWork::Kind::kZero;
  }
  part_end_ = Min(position_ + length, size_);
  return {};
}

Result<LayerWork> CommitPlan::NextOfPart() {
  uint64_t length = part_end_ - position_;
  LayerWork work = {.kind = part_kind_, .position = position_};
  if (part_kind_ == LayerWork::Kind::kCopy) {
    length = Min(length, kCopyBytes);
    if (skips_base_) {
      const Extent extent =
          TRY(LocateAbove(top_, base_, position_, length, false, nullptr));
      length = extent.length == 0 ? length : Min(length, extent.length);
      if ((extent.flags & kExtentAllocated) == 0) {
        position_ += length;
        return work;
      }
    }
  }
  work.length = length;
  position_ += length;
  return work;
}

Result<LayerWork> CommitPlan::Next() {
  while (position_ < size_) {
    if (position_ >= batch_end_ && !TRY(FindBatch())) {
      break;
    }
    if (position_ >= part_end_) {
      TRY(FindPart());
    }
    const LayerWork work = TRY(NextOfPart());
    if (work.length != 0) {
      return work;
    }
  }
  return LayerWork{};
}

}  // namespace instar::guest
