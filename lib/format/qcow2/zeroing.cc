// Making ranges of an image read as zeroes, without writing data where the
// format has a mark for it.
#include "lib/base/checked.h"
#include "lib/format/qcow2/qcow2_target.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kAllZeroSubclusters = uint64_t{0xffff'ffff}
                                         << kSubclusterZeroShift;

}  // namespace

// Whole units in one go, what sticks out at both ends apart.
Status Qcow2Target::WriteZeroes(uint64_t offset, uint64_t length,
                                bool may_unmap) {
  const uint64_t unit = geometry_.subcluster_bytes();
  const uint64_t end = offset + length;
  while (offset < end) {
    uint64_t step = end - offset;
    const uint64_t head = offset & (unit - 1);
    if (head != 0) {
      step = Min(step, unit - head);
    } else if (step > unit) {
      step = AlignDown(step, unit);
    }
    TRY(ZeroPiece(offset, step, may_unmap));
    offset += step;
  }
  return {};
}

Status Qcow2Target::ZeroPiece(uint64_t offset, uint64_t length,
                              bool may_unmap) {
  const uint64_t unit = geometry_.subcluster_bytes();
  uint64_t end = offset + length;
  const bool whole_end = (end & (unit - 1)) == 0 || end == virtual_size();
  if ((offset & (unit - 1)) != 0 || !whole_end) {
    const bool can_zero = TRY(CanZeroWhole(offset, length));
    if (!can_zero) {
      return WriteZeroData(offset, length);
    }
    offset = AlignDown(offset, unit);
    end = Min(offset + unit, virtual_size());
  }
  if (geometry_.external_data_raw) {
    TRY(data_->WriteZeroes(offset, end - offset, may_unmap));
  }
  if (geometry_.version < 3 && has_backing_) {
    return WriteZeroData(offset, end - offset);
  }
  while (offset < end) {
    const uint64_t cluster_end =
        geometry_.ClusterStart(offset) + geometry_.cluster_bytes();
    const uint64_t step = Min(end, cluster_end) - offset;
    const bool whole =
        geometry_.InCluster(offset) == 0 &&
        (offset + step == cluster_end || offset + step == virtual_size());
    if (!whole) {
      bool done = false;
      TRY(ZeroSubclusters(offset, step, done));
      if (!done) {
        TRY(WriteZeroData(offset, step));
      }
    } else if (geometry_.version < 3) {
      TRY(DiscardCluster(offset));
    } else {
      TRY(ZeroCluster(offset, may_unmap));
    }
    offset += step;
  }
  return {};
}

Status Qcow2Target::WriteZeroData(uint64_t offset, uint64_t length) {
  uint64_t done = 0;
  while (done < length) {
    const WriteExtent extent = TRY(Allocate(offset + done, length - done));
    TRY(extent.file->WriteZeroes(extent.host_offset, extent.length, false));
    done += extent.length;
  }
  return {};
}

// Whether the unit that [offset, +length) is a part of holds no data of its
// own and reads as zeroes in its other parts.
Result<bool> Qcow2Target::CanZeroWhole(uint64_t offset, uint64_t length) {
  const uint64_t unit = geometry_.subcluster_bytes();
  const uint64_t start = AlignDown(offset, unit);
  const bool head = TRY(old_data_.IsZero(start, offset - start));
  const uint64_t end = offset + length;
  const bool tail = TRY(old_data_.IsZero(end, start + unit - end));
  const L2Entry entry = TRY(map_.Find(offset));
  const ClusterKind kind =
      KindOf(geometry_.l2_dialect(), entry, geometry_.Subcluster(offset));
  const bool no_data = kind == ClusterKind::kUnallocated ||
                       kind == ClusterKind::kUnallocatedWithOffset ||
                       kind == ClusterKind::kZero ||
                       kind == ClusterKind::kZeroWithOffset;
  return head && tail && no_data;
}

// Some whole subclusters of a cluster. Not `done`: the cluster is packed.
Status Qcow2Target::ZeroSubclusters(uint64_t offset, uint64_t length,
                                    bool& done) {
  const uint64_t table = TRY(map_.WritableTable(offset));
  const uint64_t index = map_.Index(offset);
  L2Entry entry = TRY(map_.Load(table, index));
  const ClusterKind kind = KindOf(geometry_.l2_dialect(), entry, 0);
  if (kind == ClusterKind::kInvalid) {
    return Error{.fault = Fault::kQcow2InvalidSubclusters, .value = entry.word};
  }
  done = kind != ClusterKind::kCompressed;
  if (!done) {
    return {};
  }
  const uint64_t first = geometry_.Subcluster(offset);
  const uint64_t last = geometry_.Subcluster(offset + length - 1);
  const uint64_t bits = (uint64_t{2} << last) - (uint64_t{1} << first);
  const uint64_t bitmap = (entry.bitmap | bits << kSubclusterZeroShift) & ~bits;
  if (bitmap == entry.bitmap) {
    return {};
  }
  entry.bitmap = bitmap;
  return map_.Store(table, index, entry);
}

Status Qcow2Target::ZeroCluster(uint64_t offset, bool may_unmap) {
  const uint64_t table = TRY(map_.WritableTable(offset));
  const uint64_t index = map_.Index(offset);
  const L2Entry old = TRY(map_.Load(table, index));
  const ClusterKind kind = ClusterKindOf(geometry_.l2_dialect(), old);
  const bool has_cluster =
      kind == ClusterKind::kData || kind == ClusterKind::kZeroWithOffset;
  const bool unmap =
      kind == ClusterKind::kCompressed || (may_unmap && has_cluster);
  L2Entry entry = {.word = unmap ? 0 : old.word, .bitmap = old.bitmap};
  if (geometry_.extended_l2) {
    entry.bitmap = kAllZeroSubclusters;
  } else {
    entry.word |= kEntryZero;
  }
  if (entry == old) {
    return {};
  }
  TRY(map_.Store(table, index, entry));
  return unmap ? FreeCluster(old, true) : Status();
}

// Version 2 has no mark for zeroes; without a backing file, a cluster that is
// not there reads as zeroes.
Status Qcow2Target::DiscardCluster(uint64_t offset) {
  const uint64_t table = TRY(map_.WritableTable(offset));
  const uint64_t index = map_.Index(offset);
  const L2Entry old = TRY(map_.Load(table, index));
  const ClusterKind kind = ClusterKindOf(geometry_.l2_dialect(), old);
  if (kind == ClusterKind::kUnallocated) {
    return {};
  }
  TRY(map_.Store(table, index, L2Entry{}));
  return FreeCluster(old, true);
}

}  // namespace instar::qcow2
