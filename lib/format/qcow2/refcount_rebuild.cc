#include "lib/format/qcow2/refcount_rebuild.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/host_extents.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/mending.h"
#include "lib/format/qcow2/refcount_field.h"
#include "lib/format/qcow2/stored_refcounts.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kEntryBytes = kRefcountTableEntryBytes;
// Every round but the last makes the table longer by a cluster.
constexpr uint64_t kMaxRounds = kMaxRefcountTableBytes / 512;

}  // namespace

uint64_t RefcountRebuild::Reserve(const Header& header, uint64_t clusters) {
  const uint64_t blocks = clusters / RefcountsPerBlock(header) + 1;
  const uint64_t table = blocks * kEntryBytes / header.cluster_size() + 1;
  return 2 * (blocks + table) + 16;
}

Status RefcountRebuild::Init(Arena& arena, const Header& header,
                             uint64_t clusters) {
  const uint64_t blocks = DivRoundUp(clusters, RefcountsPerBlock(header));
  const uint64_t bytes =
      TRY(CheckedAlignUp(blocks * kEntryBytes, header.cluster_size()));
  if (bytes > kMaxRefcountTableBytes) {
    return Error{.fault = Fault::kNoMemory, .value = bytes};
  }
  table_ = TRY(arena.AllocateZeroed(bytes));
  block_ = TRY(arena.Allocate(header.cluster_size()));
  return {};
}

uint64_t RefcountRebuild::entries_per_cluster() const {
  return run_->cluster_size() / kEntryBytes;
}

uint64_t RefcountRebuild::per_block() const {
  return RefcountsPerBlock(run_->header);
}

Status RefcountRebuild::FailsWith(Fault fault, int32_t error) {
  TRY(run_->visitor->OnProblem({.fault = fault, .error = error}));
  return EndsWith(error);
}

// An image is marked as corrupt once.
Status RefcountRebuild::TellOverlap(ByteView hit) {
  if (run_->told_bad_refblock) {
    return {};
  }
  return MarkCorrupt(*run_, {.fault = Fault::kRepairOverlap,
                             .text = hit.data(),
                             .text_bytes = static_cast<uint32_t>(hit.size())});
}

Status RefcountRebuild::Run(CheckRun& run, ReferenceCounts& counts) {
  run_ = &run;
  counts_ = &counts;
  if (counts.first() != 0 || counts.size() < run.num_counted ||
      table_.empty()) {
    return FailsWith(Fault::kRepairRebuildRoom, kEnomem);
  }
  const Forgotten forgotten = TRY(CountForgotten());
  TRY(PlaceBlocks(0, run.num_counted));
  TRY(PlaceTable());
  const ByteView hit = TRY(FindOverlap(forgotten));
  if (!hit.empty()) {
    TRY(TellOverlap(hit));
    return FailsWith(
        hits_table_ ? Fault::kRepairRebuildTable : Fault::kRepairRebuildWrite,
        kEio);
  }
  TRY(WriteBlocks());
  TRY(WriteTable());
  TRY(SwitchHeader());
  run.file_bytes = TRY(SectorAlignedSize(*run.file));
  run.num_clusters = DivRoundUp(run.file_bytes, run.cluster_size());
  run.num_counted = Max(run.num_counted, run.num_clusters);
  return {};
}

bool RefcountRebuild::IsFree(uint64_t offset) const {
  const uint64_t cluster = run_->ClusterOf(offset);
  return offset != 0 && counts_->Holds(cluster) && counts_->Get(cluster) == 0;
}

Result<RefcountRebuild::Forgotten> RefcountRebuild::CountForgotten() {
  const Header& header = run_->header;
  Forgotten forgotten;
  // 2^22 entries at most.
  for (uint64_t i = 0; i < header.num_l1_entries; ++i) {
    const uint64_t entry =
        TRY(run_->cache->At<Be64>(header.l1_offset + i * kL1EntryBytes));
    forgotten.l2_tables += IsFree(entry & kL1OffsetMask) ? 1U : 0U;
  }
  const uint64_t entries =
      header.refcount_table_clusters * entries_per_cluster();
  // The table is 8 MiB long at most.
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t entry = TRY(
        run_->cache->At<Be64>(header.refcount_table_offset + i * kEntryBytes));
    const uint64_t offset = entry & kRefcountTableOffsetMask;
    forgotten.blocks += IsFree(offset) ? 1U : 0U;
    if (!run_->IsAligned(offset)) {
      forgotten.blocks += IsFree(offset + run_->cluster_size() - 1) ? 1U : 0U;
    }
  }
  return forgotten;
}

Result<ByteView> RefcountRebuild::FindOverlap(const Forgotten& before) {
  const uint64_t bits = run_->header.cluster_bits;
  const Forgotten after = TRY(CountForgotten());
  if (after.l2_tables != before.l2_tables) {
    return ByteView::Of("active L2 table");
  }
  const uint64_t table = table_cluster_ << bits;
  const uint64_t table_bytes = num_entries_ * kEntryBytes;
  if (after.blocks != before.blocks) {
    const ByteView hit =
        TRY(MetadataAt(*run_, table, table_bytes, Intended::kNothing));
    hits_table_ = !hit.empty();
    return ByteView::Of("refcount block");
  }
  for (uint64_t i = 0; i < num_entries_; ++i) {
    const uint64_t offset = TRY(table_.view().At<Be64>(i * kEntryBytes));
    const ByteView hit =
        offset == 0 ? ByteView()
                    : TRY(FixedMetadataAt(*run_, offset, run_->cluster_size(),
                                          Intended::kNothing));
    if (!hit.empty()) {
      return hit;
    }
  }
  const ByteView hit =
      TRY(FixedMetadataAt(*run_, table, table_bytes, Intended::kNothing));
  hits_table_ = !hit.empty();
  return hit;
}

Result<uint64_t> RefcountRebuild::Take(uint64_t count, uint64_t& first_free) {
  uint64_t found = 0;
  bool in_first_gap = true;
  uint64_t cluster = first_free;
  for (; cluster < run_->num_counted && found < count; ++cluster) {
    if (counts_->Get(cluster) != 0) {
      found = 0;
      continue;
    }
    ++found;
    if (in_first_gap) {
      first_free = cluster;
      in_first_gap = false;
    }
  }
  const uint64_t first = cluster - found;
  const uint64_t end = first + count;
  if (end > counts_->size()) {
    return EndsWith(kEnomem);
  }
  for (uint64_t i = first; i < end; ++i) {
    counts_->Add(i);
  }
  run_->num_counted = Max(run_->num_counted, end);
  return first;
}

Status RefcountRebuild::PlaceBlocks(uint64_t first, uint64_t end) {
  const uint64_t shift = run_->header.cluster_bits;
  uint64_t first_free = 0;
  for (uint64_t cluster = first; cluster < end; ++cluster) {
    if (counts_->Get(cluster) == 0) {
      continue;
    }
    const uint64_t index = cluster / per_block();
    const uint64_t start = index * per_block();
    const uint64_t old = TRY(table_.view().At<Be64>(index * kEntryBytes));
    if (old == 0) {
      // Never in what a block covers that is done already.
      first_free = Max(first_free, start);
      const auto taken = Take(1, first_free);
      if (!taken.ok()) {
        return FailsWith(Fault::kRepairRebuildRoom, kEnomem);
      }
      end = Max(end, taken.value() + 1);
      if (index >= num_entries_) {
        num_entries_ = DivRoundUp(index + 1, entries_per_cluster()) *
                       entries_per_cluster();
        has_grown_ = true;
      }
      TRY(table_.Put<Be64>(index * kEntryBytes, taken.value() << shift));
    }
    cluster = start + per_block() - 1;
  }
  return {};
}

Status RefcountRebuild::PlaceTable() {
  for (uint64_t i = 0; has_grown_ && i < kMaxRounds; ++i) {
    const uint64_t clusters = num_entries_ / entries_per_cluster();
    uint64_t first_free = 0;
    const auto taken = Take(clusters, first_free);
    if (!taken.ok()) {
      return FailsWith(Fault::kRepairRebuildTableRoom, kEnomem);
    }
    table_cluster_ = taken.value();
    has_grown_ = false;
    TRY(PlaceBlocks(table_cluster_, table_cluster_ + clusters));
  }
  return {};
}

Status RefcountRebuild::WriteBlocks() {
  const Header& header = run_->header;
  for (uint64_t i = 0; i < num_entries_; ++i) {
    const uint64_t offset = TRY(table_.view().At<Be64>(i * kEntryBytes));
    if (offset == 0) {
      continue;
    }
    block_.Fill(0);
    const uint64_t start = i * per_block();
    const uint64_t end = Min(start + per_block(), run_->num_counted);
    for (uint64_t cluster = start; cluster < end; ++cluster) {
      PutRefcount(block_, header.refcount_order, cluster - start,
                  counts_->Get(cluster));
    }
    const Status written = run_->file->WriteAt(offset, block_.view());
    if (!written.ok()) {
      return FailsWith(Fault::kRepairRebuildWrite, written.error().error);
    }
  }
  return {};
}

Status RefcountRebuild::WriteTable() {
  const Status written =
      run_->file->WriteAt(table_cluster_ << run_->header.cluster_bits,
                          table_.view().Prefix(num_entries_ * kEntryBytes));
  if (!written.ok()) {
    return FailsWith(Fault::kRepairRebuildTable, written.error().error);
  }
  return run_->file->Flush();
}

Status RefcountRebuild::SwitchHeader() {
  using L = HeaderLayout;
  constexpr uint64_t kStart = L::kRefcountTableOffset.offset;
  Header& header = run_->header;
  header.refcount_table_offset = table_cluster_ << header.cluster_bits;
  header.refcount_table_clusters = num_entries_ / entries_per_cluster();
  uint8_t bytes[Be64::kSize + Be32::kSize];
  const MutableBytes out(bytes, sizeof bytes);
  TRY(out.Put<Be64>(0, header.refcount_table_offset));
  TRY(out.Put<Be32>(L::kRefcountTableClusters.offset - kStart,
                    static_cast<uint32_t>(header.refcount_table_clusters)));
  TRY(run_->file->WriteAt(kStart, out.view()));
  TRY(run_->file->Flush());
  run_->DropCache();
  return {};
}

}  // namespace instar::qcow2
