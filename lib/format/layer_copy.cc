#include "lib/format/layer_copy.h"

#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar {
namespace {

constexpr uint64_t kCopyBytes = 64 * 1024;

// No format packs clusters into more.
constexpr uint64_t kMaxPackedBytes = 8 << 20;
constexpr uint64_t kMaxUnpackedBytes = 4 << 20;

}  // namespace

Result<LayerPiece> LayerCopy::Find(Image* top, uint64_t offset,
                                   uint64_t length) {
  if (top == nullptr || offset >= top->virtual_size()) {
    return LayerPiece{.length = length};
  }
  const uint64_t wanted = Min(length, top->virtual_size() - offset);
  Image* owner = nullptr;
  // Block status tells what is zero, the holes of a host file too; but not
  // always where the rest is.
  const Extent status =
      TRY(LocateAbove(top, nullptr, offset, wanted, true, &owner));
  if (status.length == 0 || (status.flags & kExtentZero) != 0) {
    return LayerPiece{.length = status.length == 0 ? length : status.length};
  }
  const Extent extent =
      TRY(LocateAbove(top, nullptr, offset, status.length, false, &owner));
  LayerPiece piece = {.length = extent.length};
  if ((extent.flags & kExtentZero) != 0 || (extent.flags & kExtentData) == 0) {
    return piece;
  }
  piece.zero = false;
  piece.file = extent.file;
  piece.host_offset = extent.host_offset;
  piece.owner = owner;
  if ((extent.flags & kExtentCompressed) != 0) {
    piece.stored_bytes = extent.stored_bytes;
    piece.cluster_offset = extent.cluster_offset;
    piece.cluster_bytes = extent.cluster_bytes;
  } else if ((extent.flags & kExtentOffset) == 0) {
    return Error{.fault = Fault::kUnsupported, .value = offset};
  }
  return piece;
}

// `bytes` of `buffer`, which is made larger if need be.
Result<MutableBytes> LayerCopy::Room(MutableBytes& buffer, uint64_t bytes) {
  if (buffer.size() < bytes) {
    buffer = TRY(arena_->Allocate(bytes, 64));
  }
  return buffer.Prefix(bytes);
}

Status LayerCopy::CopyPlain(const LayerPiece& piece, File& to,
                            uint64_t host_offset) {
  uint64_t done = 0;
  while (done < piece.length) {
    const uint64_t step = Min(kCopyBytes, piece.length - done);
    const MutableBytes bytes = TRY(Room(plain_, step));
    TRY(piece.file->ReadAt(piece.host_offset + done, bytes));
    TRY(to.WriteAt(host_offset + done, bytes.view()));
    done += step;
  }
  return {};
}

Status LayerCopy::CopyPacked(const LayerPiece& piece, File& to,
                             uint64_t host_offset) {
  if (piece.stored_bytes > kMaxPackedBytes ||
      piece.cluster_bytes > kMaxUnpackedBytes) {
    return Error{.fault = Fault::kCompressedData, .value = piece.stored_bytes};
  }
  if (unpacker_ == nullptr) {
    INSTAR_CHECK(make_unpacker_ != nullptr);
    unpacker_ = TRY(make_unpacker_(*arena_));
  }
  const MutableBytes packed = TRY(Room(packed_, piece.stored_bytes));
  const MutableBytes plain = TRY(Room(plain_, piece.cluster_bytes));
  TRY(piece.file->ReadAt(piece.host_offset, packed));
  if (piece.owner != nullptr) {
    TRY(piece.owner->Unpack(packed.view(), plain, *unpacker_));
  } else if (piece.compression == Compression::kZstd) {
    TRY(unpacker_->Zstd(packed.view(), plain));
  } else {
    TRY(unpacker_->Inflate(packed.view(), plain));
  }
  const ByteView wanted =
      TRY(plain.view().Slice(piece.cluster_offset, piece.length));
  return to.WriteAt(host_offset, wanted);
}

Status LayerCopy::CopyData(const LayerPiece& piece, File& to,
                           uint64_t host_offset) {
  return piece.stored_bytes != 0 ? CopyPacked(piece, to, host_offset)
                                 : CopyPlain(piece, to, host_offset);
}

Status LayerCopy::CopyRange(Image* top, uint64_t offset, uint64_t length,
                            File& to, uint64_t host_offset, bool is_zero) {
  uint64_t done = 0;
  while (done < length) {
    const LayerPiece piece = TRY(Find(top, offset + done, length - done));
    if (!piece.zero) {
      TRY(CopyData(piece, to, host_offset + done));
    } else if (!is_zero) {
      TRY(to.WriteZeroes(host_offset + done, piece.length, false));
    }
    done += piece.length;
  }
  return {};
}

}  // namespace instar
