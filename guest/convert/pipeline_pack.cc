// Packing chunks, each a cluster, and storing what came out. Packed clusters
// are gathered where they adjoin in the file, so that one write takes many.
#include "guest/convert/pipeline.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"
#include "lib/base/errno.h"

namespace instar::guest {
Status ClusterPacking::Prepare(Pipeline& pipeline, Arena& arena) {
  return pipeline.PreparePacking(arena);
}

bool ClusterPacking::PackOne(Pipeline& pipeline) {
  return pipeline.PackOne(*this);
}

Result<bool> ClusterPacking::Write(Pipeline& pipeline, uint64_t sequence) {
  return pipeline.WritePacked(*this, sequence);
}

Status Pipeline::PreparePacking(Arena& arena) {
  const MutableBytes out = TRY(arena.Allocate(kOutBytes, 4096));
  const MutableBytes stages = TRY(arena.Allocate(kStagesBytes, 4096));
  out_ = BufferRing(out);
  stages_ = BufferRing(stages);
  jobs_ = TRY(arena.NewArray<PackJob>(kMaxChunks));
  return {};
}

bool Pipeline::PackOne(ClusterPacking& packing) {
  Item& item = ItemAt(packed_);
  if (item.reads != 0 || item.unpacks != 0) {
    return false;
  }
  if (item.damaged) {
    Mend(item);
  }
  PackJob& job = jobs_[packed_ % kMaxChunks];
  job.out = out_.Take(packing.cluster_bytes() + ClusterPacking::kRoom);
  if (job.out.empty()) {
    return false;
  }
  item.out_mark = out_.Mark();
  job.plain = item.data.view();
  packing.Push(job);
  return true;
}

Result<bool> Pipeline::WritePacked(const ClusterPacking& packing,
                                   uint64_t sequence) {
  const Item& item = ItemAt(sequence);
  const PackJob& job = jobs_[sequence % kMaxChunks];
  if (job.is_zero) {
    if (!options_.target_reads_zero) {
      TRY(StoreZeroes(item.chunk.position, item.chunk.length));
    }
    return true;
  }
  // A packed cluster is whole, or the image's last. -n finds targets that go
  // on behind their source.
  const bool whole =
      item.chunk.length == packing.cluster_bytes() ||
      item.chunk.position + item.chunk.length == target_->virtual_size();
  if (!whole) {
    return Error{.fault = Fault::kErrno, .error = kEinval};
  }
  if (job.packed_bytes == 0) {
    TRY(StoreData(item.data.Prefix(item.chunk.length), item.chunk.position,
                  sequence));
    return true;
  }
  const PackRules& rules = packing.rules();
  const uint64_t bytes =
      DivRoundUp(rules.prefix_bytes + job.packed_bytes, rules.alignment) *
      rules.alignment;
  const bool room = TakeStage(bytes);
  if (!room) {
    return false;
  }
  const MutableBytes record = TRY(stage_.Slice(stage_used_, bytes));
  TRY(record.PutBytes(rules.prefix_bytes,
                      job.out.Prefix(job.packed_bytes).view()));
  const uint64_t end = rules.prefix_bytes + job.packed_bytes;
  TRY(record.Slice(end, bytes - end)).Fill(0);
  const WriteExtent where =
      TRY(target_->AllocatePacked(item.chunk.position, job.packed_bytes,
                                  record.Prefix(rules.prefix_bytes)));
  static_cast<SlotFile*>(where.file)->GrownTo(where.host_offset + bytes);
  AddToRun(where, record, sequence);
  stage_used_ += bytes;
  return true;
}

// Makes the stage have room for `bytes` more. False: there is none now.
bool Pipeline::TakeStage(uint64_t bytes) {
  if (stage_.size() - stage_used_ >= bytes) {
    return true;
  }
  // A cluster and what is around it fit into an empty stage.
  const uint64_t length =
      Max(kStageBytes, packing_->cluster_bytes() + ClusterPacking::kRoom);
  const uint64_t mark = stages_.Mark();
  const MutableBytes next = stages_.Take(length);
  if (next.empty()) {
    FlushRun();
    return false;
  }
  stage_ = next;
  stage_used_ = 0;
  stage_mark_ = mark;
  return true;
}

}  // namespace instar::guest
