#include "lib/format/qcow2/mending.h"

#include <limits>

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/host_extents.h"
#include "lib/format/qcow2/layout.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kMaxOffset = std::numeric_limits<int64_t>::max();
// qemu counts clusters in an int.
constexpr uint64_t kMaxClusters = std::numeric_limits<int32_t>::max();

bool Touch(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes) {
  if (a_bytes == 0 || b_bytes == 0) {
    return false;
  }
  return a <= b ? b - a < a_bytes : a - b < b_bytes;
}

// How many entries of the refcount table there are up to the last that names a
// block. Repairs change none of them but all at once.
Result<uint64_t> NumBlocks(CheckRun& run) {
  const Header& header = run.header;
  if (run.blocks_of == header.refcount_table_offset) {
    return run.num_blocks;
  }
  const uint64_t entries = header.refcount_table_clusters * run.cluster_size() /
                           kRefcountTableEntryBytes;
  run.num_blocks = 0;
  // The table is 8 MiB long at most.
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t entry = TRY(run.cache->At<Be64>(
        header.refcount_table_offset + i * kRefcountTableEntryBytes));
    run.num_blocks = entry != 0 ? i + 1 : run.num_blocks;
  }
  run.blocks_of = header.refcount_table_offset;
  return run.num_blocks;
}

// Whether a refcount block begins in [offset, +bytes), whole clusters.
Result<bool> HoldsRefcountBlock(CheckRun& run, uint64_t offset,
                                uint64_t bytes) {
  const uint64_t blocks = TRY(NumBlocks(run));
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t entry = TRY(run.cache->At<Be64>(
        run.header.refcount_table_offset + i * kRefcountTableEntryBytes));
    const uint64_t block = entry & kRefcountTableOffsetMask;
    if (block != 0 && Touch(block, run.cluster_size(), offset, bytes)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<ByteView> FixedMetadataAt(const CheckRun& run, uint64_t offset,
                                 uint64_t bytes, Intended intended) {
  const Header& header = run.header;
  const uint64_t start = AlignDown(offset, run.cluster_size());
  const uint64_t end = TRY(CheckedAdd(offset, bytes));
  const uint64_t length = TRY(CheckedAlignUp(end, run.cluster_size())) - start;
  if (start < run.cluster_size()) {
    return ByteView::Of("qcow2_header");
  }
  if (intended != Intended::kActiveL1 &&
      Touch(header.l1_offset, header.num_l1_entries * kL1EntryBytes, start,
            length)) {
    return ByteView::Of("active L1 table");
  }
  if (Touch(header.refcount_table_offset,
            header.refcount_table_clusters * run.cluster_size(), start,
            length)) {
    return ByteView::Of("refcount table");
  }
  if (Touch(header.snapshots_offset, run.snapshot_table_bytes, start, length)) {
    return ByteView::Of("snapshot table");
  }
  return ByteView();
}

Result<ByteView> MetadataAt(CheckRun& run, uint64_t offset, uint64_t bytes,
                            Intended intended) {
  const ByteView fixed = TRY(FixedMetadataAt(run, offset, bytes, intended));
  if (!fixed.empty()) {
    return fixed;
  }
  const uint64_t start = AlignDown(offset, run.cluster_size());
  const uint64_t end = TRY(CheckedAlignUp(offset + bytes, run.cluster_size()));
  const bool in_blocks = TRY(HoldsRefcountBlock(run, start, end - start));
  return in_blocks ? ByteView::Of("refcount block") : ByteView();
}

Status MarkCorrupt(CheckRun& run, const Error& problem) {
  TRY(run.visitor->OnProblem(problem));
  Header& header = run.header;
  if (header.version < 3) {
    return {};
  }
  header.incompatible |= kIncompatibleCorrupt;
  return WriteFeatures(run);
}

Status WriteFeatures(CheckRun& run) {
  using L = HeaderLayout;
  constexpr uint64_t kStart = L::kIncompatibleFeatures.offset;
  uint8_t bytes[3 * Be64::kSize];
  const MutableBytes out(bytes, sizeof bytes);
  TRY(out.Put<Be64>(0, run.header.incompatible));
  TRY(out.Put<Be64>(L::kCompatibleFeatures.offset - kStart,
                    run.header.compatible));
  TRY(out.Put<Be64>(L::kAutoclearFeatures.offset - kStart,
                    run.header.autoclear));
  TRY(run.file->WriteAt(kStart, out.view()));
  return run.file->Flush();
}

Status ZeroEntry(CheckRun& run, uint64_t at, const L2Entry& entry) {
  const ByteView hit =
      TRY(MetadataAt(run, at, run.header.l2_entry_bytes(), Intended::kL2));
  if (!hit.empty()) {
    TRY(MarkCorrupt(run, {.fault = Fault::kRepairOverlap,
                          .text = hit.data(),
                          .text_bytes = static_cast<uint32_t>(hit.size())}));
    TRY(run.CheckError({.fault = Fault::kRepairOverlapEntry}));
    return EndsWith(kEio);
  }
  uint8_t bytes[kExtendedL2EntryBytes] = {};
  const MutableBytes out(bytes, run.header.l2_entry_bytes());
  if (run.header.has_extended_l2()) {
    const uint64_t zero = entry.zero() | entry.allocated();
    TRY(out.Put<Be64>(Be64::kSize, zero << kSubclusterZeroShift));
  } else {
    TRY(out.Put<Be64>(0, kEntryZero));
  }
  TRY(run.file->WriteAt(at, out.view()));
  --run.result.corruptions;
  ++run.result.corruptions_fixed;
  return {};
}

Status GrowToBlock(CheckRun& run, uint64_t index, uint64_t offset) {
  if (run.again) {
    return {};
  }
  ++run.result.corruptions;
  TRY(run.visitor->OnProblem(
      {.fault = Fault::kRepairRefblockOutside, .value = index}));
  Error problem = EndsWith(kEinval);
  if (offset <= kMaxOffset - run.cluster_size()) {
    const uint64_t end = offset + run.cluster_size();
    const bool too_many = run.ClusterOf(offset) >= kMaxClusters;
    const Status grown =
        too_many ? Status(EndsWith(kEfbig))
                 : run.file->Truncate(end, FilePreallocation::kSparse);
    if (grown.ok()) {
      run.file_bytes = TRY(SectorAlignedSize(*run.file));
      run.num_clusters = DivRoundUp(run.file_bytes, run.cluster_size());
      run.num_counted = Max(run.num_counted, run.num_clusters);
      run.grown = true;
      --run.result.corruptions;
      ++run.result.corruptions_fixed;
      return {};
    }
    problem = grown.error();
    TRY(run.visitor->OnProblem(
        {.fault = Fault::kRepairResizeFile, .error = problem.error}));
  }
  run.rebuild = true;
  return run.visitor->OnProblem(
      {.fault = Fault::kRepairResize, .error = problem.error});
}

Status Discards::Add(uint64_t cluster) {
  if (count_ != 0 && cluster == first_ + count_) {
    ++count_;
    return {};
  }
  TRY(Finish());
  first_ = cluster;
  count_ = 1;
  return {};
}

// A file that cannot give them up keeps them.
Status Discards::Finish() {
  const uint64_t start = first_ << run_->header.cluster_bits;
  const uint64_t bytes = count_ << run_->header.cluster_bits;
  const uint64_t size = run_->file->size();
  count_ = 0;
  if (bytes == 0 || start >= size) {
    return {};
  }
  return run_->file->WriteZeroes(start, Min(bytes, size - start), true);
}

}  // namespace instar::qcow2
