// Planning: which bytes of the two images must be looked at, and where they
// are.
#include "guest/op/compare/comparison.h"
#include "lib/base/checked.h"

namespace instar::guest {

bool Comparison::NextChunk() {
  if (planned_all_) {
    return false;
  }
  return position_ < common_ ? NextSharedChunk() : NextExcessChunk();
}

bool Comparison::NextSharedChunk() {
  uint64_t length = common_ - position_;
  for (int i = 0; i < kSides; ++i) {
    const Status status = sides_[i].MoveTo(position_);
    if (!status.ok()) {
      planned_all_ = true;
      planned_end_ = {.reached = true,
                      .comparison = instar_proto_Comparison_COMPARISON_FAILED,
                      .offset = position_,
                      .error = status.error(),
                      .side = i};
      return false;
    }
    length = Min(length, sides_[i].left());
  }
  uint32_t different = sides_[0].flags() ^ sides_[1].flags();
  if (!config_->compression_is_status) {
    different &= ~uint32_t{kExtentCompressed};
  }
  if (config_->strict && different != 0) {
    planned_all_ = true;
    planned_end_ = {
        .reached = true,
        .comparison = instar_proto_Comparison_COMPARISON_STRICT_STATUS,
        .offset = position_};
    return false;
  }
  const bool zero = sides_[0].is_zero() && sides_[1].is_zero();
  chunk_ = position_;
  chunk_end_ = position_ + (zero ? length : Min(length, kMaxChunkBytes));
  return true;
}

bool Comparison::NextExcessChunk() {
  if (position_ >= total_) {
    planned_all_ = true;
    planned_end_ = {.reached = true, .excess = common_ != total_};
    return false;
  }
  const int longer = sides_[0].size() > sides_[1].size() ? 0 : 1;
  Side& side = sides_[longer];
  const Status status = side.MoveTo(position_);
  if (!status.ok()) {
    planned_all_ = true;
    planned_end_ = {.reached = true,
                    .comparison = instar_proto_Comparison_COMPARISON_FAILED,
                    .offset = position_,
                    .excess = true,
                    .error = status.error(),
                    .side = longer};
    return false;
  }
  const bool zero = !side.is_allocated() || side.is_zero();
  chunk_ = position_;
  chunk_end_ =
      position_ + (zero ? side.left() : Min(side.left(), kMaxChunkBytes));
  return true;
}

// Makes waiting_ of the next bytes of the chunk. False: there are none.
Result<bool> Comparison::PlanPiece() {
  if (position_ >= chunk_end_ && !NextChunk()) {
    return false;
  }
  waiting_ = {.position = position_,
              .length = chunk_end_ - position_,
              .chunk = chunk_,
              .chunk_end = chunk_end_,
              .excess = position_ >= common_};
  for (int i = 0; i < kSides; ++i) {
    if (position_ >= sides_[i].size()) {
      waiting_.parts[i] = {.length = waiting_.length};
      continue;
    }
    const auto part = sides_[i].Locate(position_, waiting_.length);
    if (!part.ok()) {
      planned_all_ = true;
      planned_end_ = {.reached = true,
                      .comparison = instar_proto_Comparison_COMPARISON_FAILED,
                      .offset = chunk_,
                      .excess = waiting_.excess,
                      .error = part.error(),
                      .stage = instar_proto_Stage_STAGE_READ,
                      .side = i};
      return false;
    }
    waiting_.parts[i] = part.value();
    waiting_.length = Min(waiting_.length, part.value().length);
  }
  waiting_.by_host = waiting_.parts[0].kind == Part::Kind::kStored &&
                     waiting_.parts[1].kind == Part::Kind::kStored;
  const bool fetched = !waiting_.by_host && BufferBytes(waiting_) != 0;
  if (fetched) {
    waiting_.length = Min(waiting_.length, max_fetch_bytes_);
  }
  position_ += waiting_.length;
  has_waiting_ = true;
  return true;
}

bool Comparison::Plan() {
  bool moved = false;
  while (planned_ - released_ < kMaxPieces) {
    if (!has_waiting_) {
      const Result<bool> planned = PlanPiece();
      if (!planned.ok() || !planned.value()) {
        break;
      }
    }
    if (!Start(waiting_)) {
      break;
    }
    has_waiting_ = false;
    moved = true;
  }
  return moved;
}

}  // namespace instar::guest
