// Packing the pieces of a move, and storing what came out.
#include "guest/convert/layer_move.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"

namespace instar::guest {
namespace {

// Of a piece, which may begin and end within one.
uint64_t MaxClusters(uint64_t cluster_bytes) {
  return LayerWork::kMaxBytes / cluster_bytes + 2;
}

}  // namespace

Status LayerMove::PreparePacking(Arena& arena) {
  const uint64_t count = MaxClusters(options_.packing->cluster_bytes());
  clusters_ = TRY(arena.NewArray<uint32_t>(kMaxItems * count));
  return {};
}

bool LayerMove::Pack() {
  const uint64_t before = pushed_;
  while (pushed_ < failure_.Bound(filled_) && ItemAt(pushed_).reads == 0) {
    Item& item = ItemAt(pushed_);
    if (Packs(item)) {
      PackedPiece& piece = item.piece;
      piece.cluster_bytes = options_.packing->cluster_bytes();
      piece.position = item.work.position;
      piece.length = item.work.length;
      piece.compared = item.sides[1].view();
      piece.clusters =
          &clusters_[pushed_ % kMaxItems * MaxClusters(piece.cluster_bytes)];
      options_.packing->Push(piece);
    }
    ++pushed_;
  }
  return pushed_ != before;
}

// Clusters that stay as they are and adjoin go together.
Status LayerMove::StoreClusters(Item& item) {
  const PackedPiece& piece = item.piece;
  MutableBytes packed = piece.out;
  uint64_t start = 0;  // of the plain run, which ends at `at`
  uint64_t at = 0;
  for (const uint32_t* cluster = piece.clusters; at < piece.length; ++cluster) {
    const uint64_t step = piece.StepAt(at);
    const bool is_plain = *cluster == PackedPiece::kPlain;
    if (!is_plain && start != at) {
      const MutableBytes run = TRY(piece.data.Slice(start, at - start));
      TRY(StoreData(run, piece.position + start));
    }
    if (!is_plain && *cluster != PackedPiece::kSame) {
      TRY(StorePacked(packed.Prefix(*cluster), piece.position + at));
      packed = TRY(packed.Slice(*cluster, packed.size() - *cluster));
    }
    at += step;
    start = is_plain ? start : at;
  }
  if (start == at) {
    return {};
  }
  const MutableBytes run = TRY(piece.data.Slice(start, at - start));
  return StoreData(run, piece.position + start);
}

Status LayerMove::StorePacked(MutableBytes packed, uint64_t position) {
  const WriteExtent where =
      TRY(target_->AllocatePacked(position, packed.size(), {}));
  static_cast<SlotFile*>(where.file)
      ->GrownTo(where.host_offset + packed.size());
  Start(abi::Call::kWrite, *where.file, where.host_offset, packed, stored_, 0);
  ++ItemAt(stored_).writes;
  ++writes_;
  return {};
}

}  // namespace instar::guest
