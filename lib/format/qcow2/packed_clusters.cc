// Writing compressed clusters: they lie one behind the other, wherever the last
// one ended (qcow2.txt, "Compressed Clusters Descriptor").
#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/qcow2_target.h"

namespace instar::qcow2 {

Result<PackRules> Qcow2Target::Packing() const {
  if (geometry_.external_data) {
    return Error{.fault = Fault::kErrno, .error = kEopnotsupp};
  }
  return PackRules{.method = geometry_.compression == Compression::kZstd
                                 ? codec::PackMethod::kZstd
                                 : codec::PackMethod::kDeflate};
}

// Room for `bytes`, fewer than a cluster: behind the last packed cluster, as
// far as the host cluster that it ends in reaches and the next one adjoins.
Result<uint64_t> Qcow2Target::TakeBytes(uint64_t bytes) {
  const uint64_t left =
      geometry_.Clusters(free_byte_) * geometry_.cluster_bytes() - free_byte_;
  // Each packed cluster is a reference to every host cluster that it touches.
  bool shares = left >= bytes && TRY(refcounts_.Share(free_byte_));
  uint64_t start = free_byte_;
  if (!shares) {
    const uint64_t next = TRY(refcounts_.Allocate(1));
    if (next == 0) {
      return Error{.fault = Fault::kQcow2CorruptEntry, .value = next};
    }
    const bool adjoins = left != 0 && left < bytes && next == free_byte_ + left;
    shares = adjoins && TRY(refcounts_.Share(free_byte_));
    start = shares ? free_byte_ : next;
  }
  free_byte_ = start + bytes;
  return start;
}

Result<WriteExtent> Qcow2Target::AllocatePacked(uint64_t offset,
                                                uint64_t packed_bytes,
                                                MutableBytes /*prefix*/) {
  constexpr uint64_t kSector = 512;
  if (geometry_.external_data) {
    return Error{.fault = Fault::kErrno, .error = kEopnotsupp};
  }
  INSTAR_CHECK(packed_bytes != 0 && packed_bytes < geometry_.cluster_bytes());
  TRY(MakeRoom());
  const uint64_t table = TRY(map_.WritableTable(offset));
  const uint64_t index = map_.Index(offset);
  const L2Entry old = TRY(map_.Load(table, index));
  // As qemu-img has it, packing overwrites nothing.
  if ((old.word & kEntryCopied) != 0) {
    return Error{.fault = Fault::kErrno, .error = kEio};
  }
  const uint64_t host = TRY(TakeBytes(packed_bytes));
  TRY(map_.Store(table, index,
                 PackedEntry(geometry_.l2_dialect(), host, packed_bytes)));
  if (old.word != 0) {
    TRY(Replace(old));
  }
  // The file ends with a whole sector.
  const uint64_t end = TRY(CheckedAlignUp(host + packed_bytes, kSector));
  needed_size_ = Max(needed_size_, end);
  return WriteExtent{
      .length = packed_bytes, .file = file_, .host_offset = host};
}

}  // namespace instar::qcow2
