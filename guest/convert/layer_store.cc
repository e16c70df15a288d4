// Storing the pieces of a move where the target makes room for them.
#include "guest/convert/differing.h"
#include "guest/convert/layer_move.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"

namespace instar::guest {

bool LayerMove::CanStore() {
  if (stored_ >= failure_.Bound(pushed_)) {
    return false;
  }
  const Item& item = ItemAt(stored_);
  return item.reads == 0 && (!Packs(item) || IsDone(item.piece.task) != 0);
}

bool LayerMove::Store() {
  bool moved = false;
  while (CanStore()) {
    Item& item = ItemAt(stored_);
    const Status stored = StoreItem(item);
    if (!stored.ok()) {
      failure_.Note(
          stored_, stored.error(),
          {.stage = options_.write_stage, .position = item.work.position});
      return true;
    }
    ++stored_;
    moved = true;
  }
  return moved;
}

Status LayerMove::StoreItem(Item& item) {
  const LayerWork& work = item.work;
  switch (work.kind) {
    case LayerWork::Kind::kCopy:
      return StoreData(item.sides[0], work.position);
    case LayerWork::Kind::kZero:
      return StoreZeroes(work.position, work.length);
    case LayerWork::Kind::kCompare:
      break;
  }
  return Packs(item) ? StoreClusters(item) : StoreDifferences(item);
}

// Units that differ and adjoin go together.
Status LayerMove::StoreDifferences(Item& item) {
  const LayerWork& work = item.work;
  const ByteView a = item.sides[0].view();
  const ByteView b = item.sides[1].view();
  if (a.empty() && b.empty()) {
    return {};
  }
  const uint64_t unit = work.is_past_end ? options_.zero_unit : options_.unit;
  uint64_t start = 0;  // of the run that differs, which ends at `at`
  uint64_t at = 0;
  while (at < work.length) {
    const uint64_t misfit = (work.position + at) & (unit - 1);
    const uint64_t step = Min(work.length - at, unit - misfit);
    const bool differs = Differs(a, b, at, step);
    at += step;
    const uint64_t end = differs ? at : at - step;
    if (differs && at < work.length) {
      continue;
    }
    if (end != start && work.is_past_end) {
      TRY(StoreZeroes(work.position + start, end - start));
    } else if (end != start) {
      const MutableBytes run = TRY(item.sides[0].Slice(start, end - start));
      TRY(StoreData(run, work.position + start));
    }
    start = at;
  }
  return {};
}

Status LayerMove::StoreZeroes(uint64_t position, uint64_t length) {
  if (!target_->zeroes_are_data()) {
    return target_->WriteZeroes(position, length, options_.may_unmap);
  }
  uint64_t done = 0;
  while (done < length) {
    const WriteExtent where =
        TRY(target_->Allocate(position + done, length - done));
    TRY(where.file->WriteZeroes(where.host_offset, where.length, false));
    done += where.length;
  }
  return {};
}

Status LayerMove::StoreData(MutableBytes bytes, uint64_t position) {
  uint64_t done = 0;
  while (done < bytes.size()) {
    const uint64_t wanted = Min(bytes.size() - done, abi::kMaxTransferBytes);
    const WriteExtent where = TRY(target_->Allocate(position + done, wanted));
    INSTAR_CHECK(where.length != 0 && where.length <= wanted);
    static_cast<SlotFile*>(where.file)
        ->GrownTo(where.host_offset + where.length);
    const MutableBytes part = TRY(bytes.Slice(done, where.length));
    Start(abi::Call::kWrite, *where.file, where.host_offset, part, stored_, 0);
    ++ItemAt(stored_).writes;
    ++writes_;
    done += where.length;
  }
  return {};
}

}  // namespace instar::guest
