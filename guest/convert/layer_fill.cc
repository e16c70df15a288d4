// Filling the pieces of a move: finding where their bytes are, fetching them.
#include "guest/convert/layer_move.h"
#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::guest {
namespace {

bool IsZeroExtent(const Extent& extent) {
  return extent.length == 0 || (extent.flags & kExtentData) == 0 ||
         (extent.flags & kExtentZero) != 0;
}

// How much of `length` bytes from `position` on the chain has.
uint64_t Inside(const Image* top, uint64_t position, uint64_t length) {
  const uint64_t size = top == nullptr ? 0 : top->virtual_size();
  return position >= size ? 0 : Min(length, size - position);
}

}  // namespace

bool LayerMove::Fill() {
  bool moved = false;
  while (filled_ < failure_.Bound(planned_)) {
    Item& item = ItemAt(filled_);
    if (!is_placed_) {
      const Result<bool> placed = Place(item);
      if (placed.ok() && !placed.value()) {
        break;
      }
      is_placed_ = placed.ok();
      if (!placed.ok()) {
        failure_.Note(
            filled_, placed.error(),
            {.stage = options_.plan_stage, .position = item.work.position});
        return true;
      }
    }
    const uint64_t before = fill_offset_;
    const Result<bool> done = FillItem(item);
    if (!done.ok()) {
      const Image* image = options_.sides[fill_side_];
      failure_.Note(filled_, done.error(),
                    {.stage = options_.read_stages[fill_side_],
                     .slot = image == nullptr ? 0 : image->file().slot(),
                     .position = item.work.position});
      return true;
    }
    moved |= done.value() || fill_offset_ != before;
    if (!done.value()) {
      break;
    }
    item.packed_mark = packed_.Mark();
    is_placed_ = false;
    fill_side_ = 0;
    ++filled_;
  }
  return moved;
}

// Gives the item the buffers that it needs, which are none for what is zero.
Result<bool> LayerMove::Place(Item& item) {
  const LayerWork& work = item.work;
  bool wanted[kSides] = {work.kind != LayerWork::Kind::kZero, false};
  if (work.kind == LayerWork::Kind::kCompare) {
    const bool first_is_zero = TRY(IsZero(0, work.position, work.length));
    const bool second_is_zero = TRY(IsZero(1, work.position, work.length));
    wanted[1] = !second_is_zero;
    // What is stored needs bytes, be they zeroes.
    wanted[0] = !first_is_zero || (!second_is_zero && !work.is_past_end);
  }
  // What is packed ends with a whole cluster, and comes out elsewhere.
  const bool packs = options_.packing != nullptr && wanted[0] &&
                     work.kind == LayerWork::Kind::kCompare;
  const uint64_t unit = packs ? options_.packing->cluster_bytes() : 512;
  const uint64_t misfit = work.position & (unit - 1);
  const uint64_t length =
      AlignDown(misfit + work.length + unit - 1, unit) - misfit;
  const uint64_t count =
      (wanted[0] ? 1U : 0U) + (wanted[1] ? 1U : 0U) + (packs ? 1U : 0U);
  if (count != 0) {
    const MutableBytes room = data_.Take(count * length);
    if (room.empty()) {
      return false;
    }
    uint64_t at = packs ? length : 0;
    if (packs) {
      item.piece.out = room.Prefix(length);
      item.piece.data = TRY(room.Slice(length, length));
    }
    for (int i = 0; i < kSides; ++i) {
      if (wanted[i]) {
        item.sides[i] = TRY(room.Slice(at, work.length));
        at += length;
      }
    }
  }
  item.data_mark = data_.Mark();
  return true;
}

Result<bool> LayerMove::IsZero(int side, uint64_t position, uint64_t length) {
  Image* top = options_.sides[side];
  const uint64_t inside = Inside(top, position, length);
  for (uint64_t done = 0; done < inside;) {
    const Extent extent = TRY(LocateAbove(top, nullptr, position + done,
                                          inside - done, false, nullptr));
    if (extent.length == 0) {
      break;
    }
    if (!IsZeroExtent(extent)) {
      return false;
    }
    done += extent.length;
  }
  return true;
}

// False: there is no room for more now.
Result<bool> LayerMove::FillItem(Item& item) {
  for (; fill_side_ < kSides; ++fill_side_) {
    const MutableBytes out = item.sides[fill_side_];
    while (fill_offset_ < out.size()) {
      const MutableBytes rest =
          TRY(out.Slice(fill_offset_, out.size() - fill_offset_));
      const uint64_t filled = TRY(
          FillFront(item, fill_side_, item.work.position + fill_offset_, rest));
      if (filled == 0) {
        return false;
      }
      fill_offset_ += filled;
    }
    fill_offset_ = 0;
  }
  return true;
}

Result<uint64_t> LayerMove::FillFront(Item& item, int side, uint64_t position,
                                      MutableBytes out) {
  Image* top = options_.sides[side];
  const uint64_t inside = Inside(top, position, out.size());
  if (inside == 0) {
    out.Fill(0);
    return out.size();
  }
  Image* owner = top;
  const Extent extent =
      TRY(LocateAbove(top, nullptr, position, inside, false, &owner));
  const uint64_t length =
      extent.length == 0 ? inside : Min(extent.length, inside);
  const MutableBytes front = out.Prefix(length);
  if (IsZeroExtent(extent)) {
    front.Fill(0);
    return length;
  }
  if ((extent.flags & kExtentCompressed) != 0) {
    const bool begun = TRY(FillPacked(item, side, extent, *owner, front));
    return begun ? length : 0;
  }
  if ((extent.flags & kExtentOffset) == 0) {
    return Error{.fault = Fault::kUnsupported};
  }
  if (!HasTransfer()) {
    return uint64_t{0};
  }
  const uint64_t step = Min(length, abi::kMaxTransferBytes);
  Start(abi::Call::kRead, *extent.file, extent.host_offset, front.Prefix(step),
        filled_, side);
  ++item.reads;
  return step;
}

Result<bool> LayerMove::FillPacked(Item& item, int side, const Extent& extent,
                                   const Image& owner, MutableBytes out) {
  if (extent.stored_bytes == 0) {
    return Error{.fault = Fault::kCompressedData};
  }
  if (LongCluster::Is(extent)) {
    TRY(long_cluster_->Read(extent, owner, out));
    return true;
  }
  UnpackJob* job = HasTransfer() ? TRY(unpacking_->Take()) : nullptr;
  if (job == nullptr) {
    return false;
  }
  const MutableBytes stored = packed_.Take(extent.stored_bytes);
  if (stored.empty()) {
    unpacking_->Return(*job);
    return false;
  }
  job->image = &owner;
  job->packed = stored.view();
  job->out = out;
  job->skip = extent.cluster_offset;
  job->cluster_bytes = extent.cluster_bytes;
  job->item = filled_ * kSides + static_cast<uint64_t>(side);
  Start(abi::Call::kRead, *extent.file, extent.host_offset, stored, filled_,
        side)
      .job = job;
  ++item.reads;
  return true;
}

}  // namespace instar::guest
