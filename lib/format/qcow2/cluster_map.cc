#include "lib/format/qcow2/cluster_map.h"

#include <bit>

#include "lib/base/checked.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kMaxSliceBytes = BlockCache::kMaxBlockBytes;

bool HasOffset(ClusterKind kind) {
  return kind == ClusterKind::kData || kind == ClusterKind::kZeroWithOffset ||
         kind == ClusterKind::kUnallocatedWithOffset;
}

}  // namespace

ClusterMap::ClusterMap(BlockCache& cache, const Header& header)
    : cache_(&cache),
      header_(header),
      dialect_(header.l2_dialect()),
      cluster_size_(header.cluster_size()),
      subclusters_(header.has_extended_l2() ? kSubclustersPerCluster : 1),
      slice_entries_(Min(header.cluster_size(), kMaxSliceBytes) /
                     header.l2_entry_bytes()) {}

Result<Mapping> ClusterMap::Find(uint64_t offset, uint64_t length) const {
  const uint64_t in_cluster = offset % cluster_size_;
  const uint64_t index = offset / cluster_size_ % slice_entries_;
  const uint64_t to_slice_end = (slice_entries_ - index) * cluster_size_;
  const uint64_t wanted = TRY(CheckedAdd(length, in_cluster));
  const uint64_t available = Min(wanted, to_slice_end);

  const uint64_t l2_offset = TRY(L2Offset(offset));
  if (l2_offset == 0) {
    return Mapping{.kind = ClusterKind::kUnallocated,
                   .length = available - in_cluster};
  }
  const Slice slice = TRY(LoadSlice(l2_offset, offset));
  const L2Entry entry = TRY(ReadEntry(slice, index));
  const uint64_t subcluster_bytes = cluster_size_ / subclusters_;
  const uint64_t subcluster = in_cluster / subcluster_bytes;

  Mapping mapping = {.kind = KindOf(dialect_, entry, subcluster)};
  TRY(Place(slice, index, entry, offset, mapping));
  const uint64_t count = TRY(
      CountRun(slice, index, subcluster, DivRoundUp(available, cluster_size_)));
  const uint64_t run_end = (count + subcluster) * subcluster_bytes;
  mapping.length = Min(run_end, available) - in_cluster;
  return mapping;
}

// 0: there is no table.
Result<uint64_t> ClusterMap::L2Offset(uint64_t offset) const {
  const uint64_t l1_index = offset >> header_.l2_coverage_bits();
  if (l1_index >= header_.num_l1_entries) {
    return uint64_t{0};
  }
  const uint64_t l1_entry =
      TRY(cache_->At<Be64>(header_.l1_offset + l1_index * kL1EntryBytes));
  const uint64_t l2_offset = l1_entry & kL1OffsetMask;
  if (l2_offset % cluster_size_ != 0) {
    return Error{.fault = Fault::kQcow2L2TableUnaligned,
                 .value = l2_offset,
                 .value2 = l1_index};
  }
  return l2_offset;
}

Result<ClusterMap::Slice> ClusterMap::LoadSlice(uint64_t l2_offset,
                                                uint64_t offset) const {
  const uint64_t entry_bytes = header_.l2_entry_bytes();
  const uint64_t index_in_table =
      offset / cluster_size_ % (cluster_size_ / entry_bytes);
  const uint64_t start =
      AlignDown(index_in_table, slice_entries_) * entry_bytes;
  const ByteView entries =
      TRY(cache_->View(l2_offset + start, slice_entries_ * entry_bytes));
  return Slice{.entries = entries, .l2_offset = l2_offset};
}

Result<L2Entry> ClusterMap::ReadEntry(const Slice& slice,
                                      uint64_t index) const {
  const uint64_t at = index * header_.l2_entry_bytes();
  L2Entry entry;
  entry.word = TRY(slice.entries.At<Be64>(at));
  if (header_.has_extended_l2()) {
    entry.bitmap = TRY(slice.entries.At<Be64>(at + kL2EntryBytes));
  }
  return entry;
}

// The subclusters of one kind from `subcluster` on, within the entry.
ClusterMap::Run ClusterMap::RunIn(const L2Entry& entry,
                                  uint64_t subcluster) const {
  const ClusterKind kind = KindOf(dialect_, entry, subcluster);
  Run run = {.kind = kind, .num_subclusters = subclusters_ - subcluster};
  if (!header_.has_extended_l2() || kind == ClusterKind::kCompressed ||
      kind == ClusterKind::kInvalid) {
    return run;
  }
  const uint64_t allocated = entry.allocated();
  const uint64_t zero = entry.zero();
  // Bits of the subclusters that are of another kind.
  uint64_t others = allocated | zero;
  if (kind == ClusterKind::kData) {
    others = ~allocated;
  } else if (kind == ClusterKind::kZero ||
             kind == ClusterKind::kZeroWithOffset) {
    others = ~zero;
  }
  const uint64_t ahead = others >> subcluster;
  run.num_subclusters =
      Min(run.num_subclusters, static_cast<uint64_t>(std::countr_zero(ahead)));
  return run;
}

// How many subclusters from that one on are of its kind and, where they have
// an offset, follow each other in the file.
Result<uint64_t> ClusterMap::CountRun(const Slice& slice, uint64_t index,
                                      uint64_t subcluster,
                                      uint64_t max_clusters) const {
  uint64_t count = 0;
  ClusterKind kind = ClusterKind::kInvalid;
  uint64_t expected_offset = 0;
  for (uint64_t i = 0; i < max_clusters; ++i) {
    const uint64_t first = i == 0 ? subcluster : 0;
    const L2Entry entry = TRY(ReadEntry(slice, index + i));
    const Run run = RunIn(entry, first);
    if (run.kind == ClusterKind::kInvalid) {
      return Error{.fault = Fault::kQcow2InvalidSubclusters,
                   .value = entry.word,
                   .value2 = slice.l2_offset,
                   .value3 = index + i};
    }
    const uint64_t cluster_offset = entry.offset();
    if (i == 0) {
      if (run.kind == ClusterKind::kCompressed) {
        return run.num_subclusters;  // always one by one
      }
      kind = run.kind;
      expected_offset = cluster_offset;
    } else {
      expected_offset += cluster_size_;
      if (run.kind != kind ||
          (HasOffset(kind) && cluster_offset != expected_offset)) {
        break;
      }
    }
    count += run.num_subclusters;
    if (first + run.num_subclusters < subclusters_) {
      break;
    }
  }
  return count;
}

// Where the bytes of a first entry are, for kinds that have a place.
Status ClusterMap::Place(const Slice& slice, uint64_t index,
                         const L2Entry& entry, uint64_t offset,
                         Mapping& mapping) const {
  Error error = {
      .value = entry.word, .value2 = slice.l2_offset, .value3 = index};
  const bool is_zero = mapping.kind == ClusterKind::kZero ||
                       mapping.kind == ClusterKind::kZeroWithOffset;
  if (is_zero && header_.version < 3) {
    error.fault = Fault::kQcow2ZeroEntryInV2;
    return error;
  }
  if (mapping.kind == ClusterKind::kCompressed) {
    if (header_.has_data_file()) {
      error.fault = Fault::kQcow2CompressedWithDataFile;
      return error;
    }
    const PackedCluster packed = PackedClusterOf(dialect_, entry);
    mapping.host_offset = packed.host_offset;
    mapping.stored_bytes = packed.stored_bytes;
    return {};
  }
  if (!HasOffset(mapping.kind)) {
    return {};
  }
  const uint64_t cluster_offset = entry.offset();
  mapping.host_offset = cluster_offset + offset % cluster_size_;
  if (cluster_offset % cluster_size_ != 0) {
    error.fault = Fault::kQcow2ClusterUnaligned;
    error.value = cluster_offset;
    return error;
  }
  if (header_.has_data_file() && mapping.host_offset != offset) {
    error.fault = Fault::kQcow2DataFileMapping;
    error.value = mapping.host_offset;
    error.value2 = offset;
    return error;
  }
  return {};
}

}  // namespace instar::qcow2
