#include "lib/format/qcow2/qcow2_target.h"

#include "lib/base/checked.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kAnywhere = ~uint64_t{0};

// qemu-img allocates ahead in requests of at most so many bytes.
constexpr uint64_t kMaxAheadBytes = 0x7fff'ffff;

}  // namespace

Qcow2Target::Qcow2Target(LayerCopy copy, File& file, File& data, Image* backing,
                         const Geometry& geometry, const TablePlaces& places)
    : Target(geometry.virtual_size, geometry.cluster_bytes()),
      file_(&file),
      data_(&data),
      has_backing_(backing != nullptr),
      old_size_(file.size()),
      geometry_(geometry),
      refcounts_(file, tables_, geometry_, places.refcount_table_offset,
                 places.refcount_table_clusters),
      map_(tables_, refcounts_, geometry_, places.l1_offset, places.l1_entries),
      old_data_(copy, file, data, backing, geometry_, map_) {}

Status Qcow2Target::Init(Arena& arena) {
  return tables_.Init(arena, *file_, geometry_.cluster_bytes());
}

Result<WriteExtent> Qcow2Target::Allocate(uint64_t offset, uint64_t length) {
  TRY(MakeRoom());
  const Run run = TRY(FindRun(offset, length, false));
  return WriteExtent{
      .length = run.length, .file = data_, .host_offset = run.host_offset};
}

// As much of [offset, +length) as can lie together: clusters that are there
// already, then new ones, in any order as long as they adjoin. Where the order
// of writes matters, one step changes tables, and no more: the next could write
// them out before the data is there.
Result<Qcow2Target::Run> Qcow2Target::FindRun(uint64_t offset, uint64_t length,
                                              bool ahead) {
  Run run;
  while (run.length < length) {
    Want want = {.offset = offset + run.length,
                 .length = length - run.length,
                 .ahead = ahead};
    want.table = TRY(map_.WritableTable(want.offset));
    want.index = map_.Index(want.offset);
    want.max_clusters =
        Min(geometry_.Clusters(geometry_.InCluster(want.offset) + want.length),
            map_.EntriesLeft(want.offset));
    want.host_offset =
        run.length == 0 ? kAnywhere : run.host_offset + run.length;
    const L2Entry entry = TRY(map_.Load(want.table, want.index));
    const auto step = NeedsNewCluster(geometry_, entry) ? WriteToNew(want)
                                                        : WriteInPlace(want);
    if (!step.ok()) {
      return step.error();
    }
    if (step.value().length == 0) {
      break;
    }
    if (run.length == 0) {
      run.host_offset = step.value().host_offset;
    }
    run.length += step.value().length;
    if (in_order_ && !ahead && step.value().is_linked) {
      break;
    }
  }
  needed_size_ = Max(needed_size_, ahead ? 0 : run.host_offset + run.length);
  return run;
}

// ---- Clusters that are there ------------------------------------------------

Result<Qcow2Target::Run> Qcow2Target::WriteInPlace(const Want& want) {
  const L2Entry first = TRY(map_.Load(want.table, want.index));
  const uint64_t in_cluster = geometry_.InCluster(want.offset);
  const uint64_t host = first.offset();
  if (geometry_.InCluster(host) != 0) {
    return Error{.fault = Fault::kQcow2ClusterUnaligned, .value = host};
  }
  if (geometry_.external_data && host + in_cluster != want.offset) {
    return Error{.fault = Fault::kQcow2DataFileMapping,
                 .value = host + in_cluster,
                 .value2 = want.offset};
  }
  if (want.host_offset != kAnywhere && want.host_offset != host) {
    return Run{};
  }
  uint64_t count = 1;
  L2Entry last = first;
  while (count < want.max_clusters) {
    const L2Entry entry = TRY(map_.Load(want.table, want.index + count));
    if (NeedsNewCluster(geometry_, entry) ||
        entry.offset() != host + (count << geometry_.cluster_bits)) {
      break;
    }
    last = entry;
    ++count;
  }
  const uint64_t length =
      Min(want.length, (count << geometry_.cluster_bits) - in_cluster);
  bool all_data = true;
  for (uint64_t i = 0; i < count && all_data; ++i) {
    all_data = TRY(IsAllData(want, i, length));
  }
  if (!all_data) {
    const WriteSpan span =
        SpanOf(geometry_, first, last, want.offset, length, true);
    TRY(CopyRest(want, span, host, false));
    TRY(Link(want, span, host, count, true));
  }
  return Run{.length = length,
             .host_offset = host + in_cluster,
             .is_linked = !all_data};
}

// Whether the index-th cluster of the write holds data wherever a write of
// `length` bytes goes.
Result<bool> Qcow2Target::IsAllData(const Want& want, uint64_t index,
                                    uint64_t length) {
  const L2Entry entry = TRY(map_.Load(want.table, want.index + index));
  if (!geometry_.extended_l2) {
    return ClusterKindOf(geometry_.l2_dialect(), entry) == ClusterKind::kData;
  }
  const uint64_t start = index << geometry_.cluster_bits;
  const uint64_t from = geometry_.InCluster(want.offset);
  const uint64_t end = start + geometry_.cluster_bytes();
  const uint64_t first = geometry_.Subcluster(Max(from, start));
  const uint64_t last = geometry_.Subcluster(Min(from + length, end) - 1);
  bool all_data = true;
  for (uint64_t i = first; i <= last; ++i) {
    const ClusterKind kind = KindOf(geometry_.l2_dialect(), entry, i);
    if (kind == ClusterKind::kInvalid) {
      return Error{.fault = Fault::kQcow2InvalidSubclusters,
                   .value = entry.word};
    }
    all_data = all_data && kind == ClusterKind::kData;
  }
  return all_data;
}

// ---- New clusters -----------------------------------------------------------

Result<Qcow2Target::Run> Qcow2Target::WriteToNew(const Want& want) {
  const L2Entry first = TRY(map_.Load(want.table, want.index));
  const uint64_t max_clusters =
      in_order_ ? Min(want.max_clusters, kMaxStep) : want.max_clusters;
  uint64_t count = 1;
  while (count < max_clusters) {
    const L2Entry entry = TRY(map_.Load(want.table, want.index + count));
    if (!NeedsNewCluster(geometry_, entry)) {
      break;
    }
    ++count;
  }
  bool is_zero = false;
  const uint64_t host = TRY(TakeClusters(want, count, is_zero));
  if (count == 0) {
    return Run{};
  }
  const uint64_t in_cluster = geometry_.InCluster(want.offset);
  const uint64_t length =
      Min(want.length, (count << geometry_.cluster_bits) - in_cluster);
  const L2Entry last =
      TRY(map_.Load(want.table, map_.Index(want.offset + length - 1)));
  for (uint64_t i = 0; geometry_.extended_l2 && i < count; ++i) {
    const L2Entry entry = TRY(map_.Load(want.table, want.index + i));
    if (KindOf(geometry_.l2_dialect(), entry, 0) == ClusterKind::kInvalid) {
      return Error{.fault = Fault::kQcow2InvalidSubclusters,
                   .value = entry.word};
    }
  }
  const WriteSpan span =
      SpanOf(geometry_, first, last, want.offset, length, false);
  TRY(CopyRest(want, span, host, is_zero));
  TRY(Link(want, span, host, count, false));
  return Run{
      .length = length, .host_offset = host + in_cluster, .is_linked = true};
}

// Where the new clusters are. `is_zero`: the file holds nothing there yet.
Result<uint64_t> Qcow2Target::TakeClusters(const Want& want,
                                           uint64_t& num_clusters,
                                           bool& is_zero) {
  if (geometry_.external_data) {
    is_zero = want.ahead;
    return geometry_.ClusterStart(want.offset);
  }
  const uint64_t used = Max(old_size_, refcounts_.high_water());
  uint64_t host = want.host_offset;
  if (want.host_offset == kAnywhere) {
    host = TRY(refcounts_.Allocate(num_clusters));
  } else {
    num_clusters = TRY(refcounts_.AllocateAt(host, num_clusters));
  }
  if (num_clusters != 0 && host == 0) {
    return Error{.fault = Fault::kQcow2CorruptEntry, .value = host};
  }
  is_zero = host >= used;
  return host;
}

// Makes the parts of the span that the write itself leaves out hold what they
// held before.
Status Qcow2Target::CopyRest(const Want& want, const WriteSpan& span,
                             uint64_t host, bool is_zero) {
  const uint64_t head = span.data_from - span.from;
  const uint64_t tail = span.to - span.data_to;
  const bool prepares = want.ahead && has_grown_;
  if (head == 0 && tail == 0 && !prepares) {
    return {};
  }
  needed_size_ =
      Max(needed_size_, host + (tail != 0 ? span.to : span.data_from));
  if (want.ahead) {
    return prepares ? PrepareAhead(want, span, host, is_zero) : Status();
  }
  const uint64_t guest = geometry_.ClusterStart(want.offset);
  const bool head_is_zero = TRY(old_data_.IsZero(guest + span.from, head));
  const bool tail_is_zero = TRY(old_data_.IsZero(guest + span.data_to, tail));
  if (head_is_zero && tail_is_zero && is_zero) {
    // Nothing but the space is missing. qemu-img takes it too, and what is
    // allocated shows: in the disk size, and in where metadata later seems to
    // have been preallocated.
    TRY(data_->Reserve(host + span.from, head));
    return data_->Reserve(host + span.data_to, tail);
  }
  if (head_is_zero && tail_is_zero) {
    TRY(data_->WriteZeroes(host + span.from, head, false));
    return data_->WriteZeroes(host + span.data_to, tail, false);
  }
  TRY(old_data_.Copy(guest + span.from, head, host + span.from, is_zero));
  return old_data_.Copy(guest + span.data_to, tail, host + span.data_to,
                        is_zero);
}

// Enters the clusters in the L2 table and drops those that they replace.
Status Qcow2Target::Link(const Want& want, const WriteSpan& span, uint64_t host,
                         uint64_t num_clusters, bool in_place) {
  for (uint64_t i = 0; i < num_clusters; ++i) {
    const uint64_t offset = host + (i << geometry_.cluster_bits);
    const L2Entry old = TRY(map_.Load(want.table, want.index + i));
    L2Entry entry = {.word = offset | kEntryCopied, .bitmap = old.bitmap};
    const bool was_packed = (old.word & kEntryCompressed) != 0;
    if (geometry_.extended_l2 && (!want.ahead || was_packed)) {
      entry.bitmap = BitmapAfter(geometry_, old.bitmap, span, i);
    }
    TRY(map_.Store(want.table, want.index + i, entry));
    if (!in_place && old.word != 0) {
      TRY(want.ahead ? FreeCluster(old, false) : Replace(old));
    }
  }
  return {};
}

Status Qcow2Target::Replace(const L2Entry& entry) {
  if (!in_order_) {
    return FreeCluster(entry, false);
  }
  replaced_[num_replaced_++] = entry;
  return {};
}

Status Qcow2Target::FreeReplaced() {
  while (num_replaced_ != 0) {
    TRY(FreeCluster(replaced_[--num_replaced_], false));
  }
  return {};
}

Status Qcow2Target::FreeCluster(const L2Entry& entry, bool discard) {
  const uint64_t bytes = geometry_.cluster_bytes();
  switch (ClusterKindOf(geometry_.l2_dialect(), entry)) {
    case ClusterKind::kCompressed: {
      const PackedCluster packed =
          PackedClusterOf(geometry_.l2_dialect(), entry);
      return refcounts_.Free(packed.host_offset, packed.stored_bytes, discard);
    }
    case ClusterKind::kData:
    case ClusterKind::kZeroWithOffset:
      if (geometry_.InCluster(entry.offset()) != 0) {
        return {};  // nobody knows whose it is
      }
      if (!geometry_.external_data) {
        return refcounts_.Free(entry.offset(), bytes, discard);
      }
      return discard ? data_->WriteZeroes(entry.offset(), bytes, true)
                     : Status();
    case ClusterKind::kUnallocated:
    case ClusterKind::kUnallocatedWithOffset:
    case ClusterKind::kZero:
    case ClusterKind::kInvalid:
      break;
  }
  return {};
}

// ---- The end ----------------------------------------------------------------

Status Qcow2Target::Sync() {
  TRY(FreeReplaced());
  return tables_.FlushAll();
}

Status Qcow2Target::Finish() {
  TRY(FreeReplaced());
  TRY(tables_.FlushAll());
  if (data_->size() < needed_size_) {
    TRY(data_->Truncate(needed_size_, FilePreallocation::kSparse));
  }
  return {};
}

// ---- Preallocation ----------------------------------------------------------

Result<uint64_t> Qcow2Target::AllocateFrom(uint64_t offset) {
  const uint64_t step = AlignDown(kMaxAheadBytes, geometry_.cluster_bytes());
  uint64_t end = 0;
  uint64_t done = offset;
  while (done < virtual_size()) {
    const uint64_t wanted = Min(step, virtual_size() - done);
    const Run run = TRY(FindRun(done, wanted, true));
    end = run.host_offset + run.length;
    done += run.length;
  }
  return end;
}

Status Qcow2Target::MapAll(uint64_t host_offset) {
  const uint64_t clusters = geometry_.Clusters(virtual_size());
  for (uint64_t i = 0; i < clusters; ++i) {
    const uint64_t offset = i << geometry_.cluster_bits;
    const uint64_t table = TRY(map_.WritableTable(offset));
    const uint64_t word = (host_offset + offset) | kEntryCopied;
    TRY(map_.Store(table, map_.Index(offset), {.word = word, .bitmap = 0}));
  }
  return {};
}

}  // namespace instar::qcow2
