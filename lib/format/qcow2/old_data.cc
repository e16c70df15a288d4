#include "lib/format/qcow2/old_data.h"

#include "lib/base/checked.h"

namespace instar::qcow2 {
// What is at `offset`, at most to the end of the subcluster.
Result<LayerPiece> OldData::Find(uint64_t offset, uint64_t length) {
  const uint64_t unit = geometry_->subcluster_bytes();
  const uint64_t wanted = Min(length, unit - (offset & (unit - 1)));
  const L2Entry entry = TRY(map_->Find(offset));
  const uint64_t in_cluster = geometry_->InCluster(offset);
  switch (
      KindOf(geometry_->l2_dialect(), entry, geometry_->Subcluster(offset))) {
    case ClusterKind::kUnallocated:
    case ClusterKind::kUnallocatedWithOffset:
      return LayerCopy::Find(backing_, offset, wanted);
    case ClusterKind::kZero:
    case ClusterKind::kZeroWithOffset:
      return LayerPiece{.length = wanted};
    case ClusterKind::kData:
      if (geometry_->InCluster(entry.offset()) != 0) {
        return Error{.fault = Fault::kQcow2ClusterUnaligned,
                     .value = entry.offset()};
      }
      return LayerPiece{.length = wanted,
                        .zero = false,
                        .file = data_,
                        .host_offset = entry.offset() + in_cluster};
    case ClusterKind::kCompressed: {
      const PackedCluster packed =
          PackedClusterOf(geometry_->l2_dialect(), entry);
      return LayerPiece{.length = wanted,
                        .zero = false,
                        .file = file_,
                        .host_offset = packed.host_offset,
                        .stored_bytes = packed.stored_bytes,
                        .cluster_offset = in_cluster,
                        .cluster_bytes = geometry_->cluster_bytes(),
                        .compression = geometry_->compression};
    }
    case ClusterKind::kInvalid:
      break;
  }
  return Error{.fault = Fault::kQcow2InvalidSubclusters, .value = entry.word};
}

// A range that reaches past the image's end is never known to be zero, as
// qemu-img has no status for it: a longer backing file's bytes are copied.
Result<bool> OldData::IsZero(uint64_t offset, uint64_t length) {
  const uint64_t size = TRY(CheckedAlignUp(geometry_->virtual_size, 512));
  const uint64_t end = TRY(CheckedAdd(offset, length));
  if (length != 0 && end > size) {
    return false;
  }
  uint64_t done = 0;
  while (done < length) {
    const LayerPiece piece = TRY(Find(offset + done, length - done));
    if (!piece.zero) {
      return false;
    }
    done += piece.length;
  }
  return true;
}

Status OldData::Copy(uint64_t offset, uint64_t length, uint64_t host_offset,
                     bool is_zero) {
  uint64_t done = 0;
  while (done < length) {
    const LayerPiece piece = TRY(Find(offset + done, length - done));
    if (!piece.zero) {
      TRY(copy_.CopyData(piece, *data_, host_offset + done));
    } else if (is_zero) {
      TRY(data_->Reserve(host_offset + done, piece.length));
    } else {
      TRY(data_->WriteZeroes(host_offset + done, piece.length, false));
    }
    done += piece.length;
  }
  return {};
}

Status OldData::CopyAsBytes(uint64_t offset, uint64_t length,
                            uint64_t host_offset) {
  constexpr uint64_t kPieceBytes = 4096;
  const uint8_t zeroes[kPieceBytes] = {};
  uint64_t done = 0;
  while (done < length) {
    LayerPiece piece = TRY(Find(offset + done, length - done));
    if (piece.zero) {
      piece.length = Min(piece.length, kPieceBytes);
      TRY(data_->WriteAt(host_offset + done, ByteView(zeroes, piece.length)));
    } else {
      TRY(copy_.CopyData(piece, *data_, host_offset + done));
    }
    done += piece.length;
  }
  return {};
}

}  // namespace instar::qcow2
