#include "lib/format/qcow2/old_data.h"

#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kCopyBytes = 64 * 1024;

// No format packs clusters into more.
constexpr uint64_t kMaxPackedBytes = 8 << 20;
constexpr uint64_t kMaxUnpackedBytes = 4 << 20;

}  // namespace

Result<OldData::Piece> OldData::FindInBacking(uint64_t offset,
                                              uint64_t length) {
  if (backing_ == nullptr || offset >= backing_->virtual_size()) {
    return Piece{.length = length};
  }
  const uint64_t wanted = Min(length, backing_->virtual_size() - offset);
  Image* owner = nullptr;
  const Extent extent =
      TRY(LocateAbove(backing_, nullptr, offset, wanted, true, &owner));
  if (extent.length == 0) {
    return Piece{.length = length};
  }
  Piece piece = {.length = extent.length};
  if ((extent.flags & kExtentZero) != 0) {
    return piece;
  }
  piece.zero = false;
  piece.file = extent.file;
  piece.host_offset = extent.host_offset;
  piece.owner = owner;
  if ((extent.flags & kExtentCompressed) != 0) {
    piece.stored_bytes = extent.stored_bytes;
    piece.cluster_offset = extent.cluster_offset;
  } else if ((extent.flags & kExtentOffset) == 0) {
    return Error{.fault = Fault::kUnsupported, .value = offset};
  }
  return piece;
}

// What is at `offset`, at most to the end of the subcluster.
Result<OldData::Piece> OldData::Find(uint64_t offset, uint64_t length) {
  const uint64_t unit = geometry_->subcluster_bytes();
  const uint64_t wanted = Min(length, unit - (offset & (unit - 1)));
  const L2Entry entry = TRY(map_->Find(offset));
  const uint64_t in_cluster = geometry_->InCluster(offset);
  switch (
      KindOf(geometry_->l2_dialect(), entry, geometry_->Subcluster(offset))) {
    case ClusterKind::kUnallocated:
    case ClusterKind::kUnallocatedWithOffset:
      return FindInBacking(offset, wanted);
    case ClusterKind::kZero:
    case ClusterKind::kZeroWithOffset:
      return Piece{.length = wanted};
    case ClusterKind::kData:
      if (geometry_->InCluster(entry.offset()) != 0) {
        return Error{.fault = Fault::kQcow2ClusterUnaligned,
                     .value = entry.offset()};
      }
      return Piece{.length = wanted,
                   .zero = false,
                   .file = data_,
                   .host_offset = entry.offset() + in_cluster};
    case ClusterKind::kCompressed: {
      const PackedCluster packed =
          PackedClusterOf(geometry_->l2_dialect(), entry);
      return Piece{.length = wanted,
                   .zero = false,
                   .file = file_,
                   .host_offset = packed.host_offset,
                   .stored_bytes = packed.stored_bytes,
                   .cluster_offset = in_cluster};
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
    const Piece piece = TRY(Find(offset + done, length - done));
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
    const Piece piece = TRY(Find(offset + done, length - done));
    if (!piece.zero && piece.stored_bytes != 0) {
      TRY(CopyPacked(piece, host_offset + done));
    } else if (!piece.zero) {
      TRY(CopyPlain(piece, host_offset + done));
    } else if (is_zero) {
      TRY(data_->Reserve(host_offset + done, piece.length));
    } else {
      TRY(data_->WriteZeroes(host_offset + done, piece.length, false));
    }
    done += piece.length;
  }
  return {};
}

// `bytes` of `buffer`, which is made larger if need be.
Result<MutableBytes> OldData::Room(MutableBytes& buffer, uint64_t bytes) {
  if (buffer.size() < bytes) {
    buffer = TRY(arena_->Allocate(bytes, 64));
  }
  return buffer.Prefix(bytes);
}

Status OldData::CopyPlain(const Piece& piece, uint64_t host_offset) {
  uint64_t done = 0;
  while (done < piece.length) {
    const uint64_t step = Min(kCopyBytes, piece.length - done);
    const MutableBytes bytes = TRY(Room(plain_, step));
    TRY(piece.file->ReadAt(piece.host_offset + done, bytes));
    TRY(data_->WriteAt(host_offset + done, bytes.view()));
    done += step;
  }
  return {};
}

Status OldData::CopyPacked(const Piece& piece, uint64_t host_offset) {
  const uint64_t cluster_bytes = piece.owner == nullptr
                                     ? geometry_->cluster_bytes()
                                     : piece.owner->facts().cluster_size;
  if (piece.stored_bytes > kMaxPackedBytes ||
      cluster_bytes > kMaxUnpackedBytes) {
    return Error{.fault = Fault::kCompressedData, .value = piece.stored_bytes};
  }
  if (unpacker_ == nullptr) {
    unpacker_ = TRY(codec::Unpacker::Create(*arena_));
  }
  const MutableBytes packed = TRY(Room(packed_, piece.stored_bytes));
  const MutableBytes plain = TRY(Room(plain_, cluster_bytes));
  TRY(piece.file->ReadAt(piece.host_offset, packed));
  if (piece.owner != nullptr) {
    TRY(piece.owner->Unpack(packed.view(), plain, *unpacker_));
  } else if (geometry_->compression == Compression::kZstd) {
    TRY(unpacker_->Zstd(packed.view(), plain));
  } else {
    TRY(unpacker_->Inflate(packed.view(), plain));
  }
  const ByteView wanted =
      TRY(plain.view().Slice(piece.cluster_offset, piece.length));
  return data_->WriteAt(host_offset, wanted);
}

}  // namespace instar::qcow2
