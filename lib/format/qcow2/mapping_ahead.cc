// Clusters that are mapped before anything is written to them.
#include "lib/base/checked.h"
#include "lib/format/qcow2/qcow2_target.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kAllSubclusters = 0xffff'ffff;

// The subclusters of a cluster that its first `bytes` > 0 bytes touch.
uint64_t FirstSubclusters(const Geometry& geometry, uint64_t bytes) {
  return (uint64_t{2} << geometry.Subcluster(bytes - 1)) - 1;
}

}  // namespace

// Nothing will be written: what is new reads as zeroes, and in front of it is
// what was there before. As bytes where qemu-img writes bytes: where data lie
// is visible to users.
Status Qcow2Target::PrepareAhead(const Want& want, const WriteSpan& span,
                                 uint64_t host, bool is_zero) {
  const uint64_t guest = geometry_.ClusterStart(want.offset);
  const uint64_t head = span.data_from - span.from;
  const uint64_t tail = span.to - span.data_to;
  const bool head_is_zero = TRY(old_data_.IsZero(guest + span.from, head));
  const bool tail_is_zero = TRY(old_data_.IsZero(guest + span.data_to, tail));
  const bool copies = !head_is_zero || !tail_is_zero;
  if (!is_zero) {
    const uint64_t from = copies ? span.data_from : span.from;
    const uint64_t to = copies ? span.data_to : span.to;
    TRY(data_->WriteZeroes(host + from, to - from, false));
  }
  if (!copies) {
    return {};
  }
  TRY(old_data_.CopyAsBytes(guest + span.from, head, host + span.from));
  return old_data_.CopyAsBytes(guest + span.data_to, tail, host + span.data_to);
}

Status Qcow2Target::MapFrom(uint64_t offset, uint64_t host_offset,
                            bool as_data) {
  const uint64_t first = geometry_.ClusterStart(offset);
  const uint64_t kept = offset - first;
  TRY(old_data_.CopyAsBytes(first, kept, host_offset));
  const uint64_t clusters = geometry_.Clusters(virtual_size() - first);
  for (uint64_t i = 0; i < clusters; ++i) {
    const uint64_t at = i << geometry_.cluster_bits;
    const uint64_t table = TRY(map_.WritableTable(first + at));
    const uint64_t index = map_.Index(first + at);
    const L2Entry old = TRY(map_.Load(table, index));
    L2Entry entry = {.word = (host_offset + at) | kEntryCopied,
                     .bitmap = old.bitmap};
    const bool was_packed =
        ClusterKindOf(geometry_.l2_dialect(), old) == ClusterKind::kCompressed;
    if (geometry_.extended_l2 && as_data) {
      entry.bitmap = kAllSubclusters;
    } else if (geometry_.extended_l2 && was_packed && kept != 0) {
      entry.bitmap = FirstSubclusters(geometry_, kept);
    }
    TRY(map_.Store(table, index, entry));
    TRY(FreeCluster(old, false));
  }
  return {};
}

}  // namespace instar::qcow2
