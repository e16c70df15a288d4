#include "guest/convert/layer_move.h"

#include "lib/base/checked.h"

namespace instar::guest {

LayerMove::LayerMove(Context& context, LayerPlan& plan, Target& target,
                     Unpacking& unpacking, LongCluster& long_cluster,
                     const LayerMoveOptions& options, MutableBytes data,
                     MutableBytes packed, Item* items, Transfer* transfers)
    : requests_(context.requests),
      plan_(&plan),
      target_(&target),
      unpacking_(&unpacking),
      long_cluster_(&long_cluster),
      options_(options),
      data_(data),
      packed_(packed),
      items_(items) {
  for (uint64_t i = 0; i < kMaxTransfers; ++i) {
    transfers[i].move = this;
    transfers[i].next_free = free_transfers_;
    free_transfers_ = &transfers[i];
  }
}

Result<LayerMove*> LayerMove::Create(Context& context, LayerPlan& plan,
                                     Target& target, Unpacking& unpacking,
                                     LongCluster& long_cluster,
                                     const LayerMoveOptions& options) {
  Arena& arena = context.arena;
  const MutableBytes data = TRY(arena.Allocate(kDataBytes, abi::kPageSize));
  const MutableBytes packed = TRY(arena.Allocate(kPackedBytes, abi::kPageSize));
  Item* items = TRY(arena.NewArray<Item>(kMaxItems));
  Transfer* transfers = TRY(arena.NewArray<Transfer>(kMaxTransfers));
  const MutableBytes place =
      TRY(arena.Allocate(sizeof(LayerMove), alignof(LayerMove)));
  auto* move = new (place.data())
      LayerMove(context, plan, target, unpacking, long_cluster, options, data,
                packed, items, transfers);
  if (options.packing != nullptr) {
    TRY(move->PreparePacking(arena));
  }
  return move;
}

bool LayerMove::Run() {
  for (;;) {
    bool moved = Plan();
    moved |= Fill();
    moved |= requests_->Poll();
    moved |= CollectUnpacked();
    moved |= Pack();
    moved |= Store();
    moved |= Release();
    if ((is_planned_ || failure_.is_set()) &&
        released_ == failure_.Bound(planned_)) {
      break;
    }
    if (!moved) {
      Workers::Get().WaitFor(
          *requests_, unpacking_->HasRunning() || stored_ < pushed_,
          [this] { return CollectUnpacked() || CanStore(); });
    }
  }
  return failure_.Report();
}

bool LayerMove::Plan() {
  bool moved = false;
  while (!failure_.is_set() && !is_planned_ &&
         planned_ - released_ < kMaxItems) {
    const Result<LayerWork> work = plan_->Next();
    if (!work.ok()) {
      const Image* image = options_.sides[0];
      failure_.Note(planned_, work.error(),
                    {.stage = options_.plan_stage,
                     .slot = image == nullptr ? 0 : image->file().slot(),
                     .position = plan_->position()});
      return true;
    }
    is_planned_ = work.value().length == 0;
    if (!is_planned_) {
      ItemAt(planned_) = {.work = work.value(),
                          .planned_to = plan_->position()};
      ++planned_;
    }
    moved = true;
  }
  return moved;
}

bool LayerMove::CollectUnpacked() {
  bool moved = false;
  while (UnpackJob* job = unpacking_->NextDone()) {
    moved = true;
    const uint64_t sequence = job->item / kSides;
    Item& item = ItemAt(sequence);
    --item.reads;
    if (job->failed) {
      failure_.Note(sequence, job->error,
                    {.stage = options_.read_stages[job->item % kSides],
                     .slot = job->image->file().slot(),
                     .position = item.work.position});
    }
    unpacking_->Return(*job);
  }
  return moved;
}

bool LayerMove::Release() {
  const uint64_t before = released_;
  while (released_ < failure_.Bound(stored_) && ItemAt(released_).writes == 0) {
    const Item& item = ItemAt(released_);
    data_.FreeUpTo(item.data_mark);
    packed_.FreeUpTo(item.packed_mark);
    ReportProgress(item.planned_to);
    ++released_;
  }
  return released_ != before;
}

// Some hundred reports for the whole run.
void LayerMove::ReportProgress(uint64_t done) {
  const uint64_t all = options_.total_bytes;
  if (done - reported_ < all / 256 && done != all) {
    return;
  }
  reported_ = done;
  requests_->Call(
      {.call = abi::Call::kProgress, .offset = done, .length = all});
}

Status LayerMove::AwaitWrites() {
  while (writes_ != 0) {
    const uint32_t seen = requests_->event();
    if (!requests_->Poll()) {
      requests_->Sleep(seen);
    }
  }
  return written_;
}

// ---- Transfers --------------------------------------------------------------

LayerMove::Transfer& LayerMove::Start(abi::Call call, const File& file,
                                      uint64_t offset, MutableBytes bytes,
                                      uint64_t sequence, int side) {
  while (free_transfers_ == nullptr) {
    const uint32_t seen = requests_->event();
    if (!requests_->Poll()) {
      requests_->Sleep(seen);
    }
  }
  Transfer& transfer = *free_transfers_;
  free_transfers_ = transfer.next_free;
  transfer.ticket.on_done = &OnTransferDone;
  transfer.ticket.owner = &transfer;
  transfer.sequence = sequence;
  transfer.side = side;
  transfer.bytes = bytes;
  transfer.slot = file.slot();
  transfer.is_write = call == abi::Call::kWrite;
  transfer.job = nullptr;
  requests_->Submit({.call = call,
                     .slot = static_cast<uint16_t>(file.slot()),
                     .offset = offset,
                     .length = bytes.size(),
                     .buffer = AddressOf(bytes.data())},
                    transfer.ticket);
  return transfer;
}

void LayerMove::OnTransferDone(Ticket& ticket) {
  auto* transfer = static_cast<Transfer*>(ticket.owner);
  transfer->move->Complete(*transfer);
}

void LayerMove::Complete(Transfer& transfer) {
  const int64_t result = transfer.ticket.result;
  Item& item = ItemAt(transfer.sequence);
  const Error error = {.fault = Fault::kErrno,
                       .error = static_cast<int32_t>(-result)};
  if (result < 0) {
    failure_.Note(
        transfer.sequence, error,
        {.stage = transfer.is_write ? options_.write_stage
                                    : options_.read_stages[transfer.side],
         .slot = transfer.slot,
         .position = item.work.position});
  }
  if (transfer.is_write && result < 0 && written_.ok()) {
    written_ = error;
  }
  if (transfer.is_write) {
    --item.writes;
    --writes_;
  } else {
    // Behind the end of the file everything is zero.
    const uint64_t got = result < 0 ? 0 : static_cast<uint64_t>(result);
    const uint64_t kept = Min(got, transfer.bytes.size());
    transfer.bytes.Slice(kept, transfer.bytes.size() - kept).value().Fill(0);
    // Behind a failure nothing new begins.
    if (transfer.job != nullptr && failure_.GoesOn(transfer.sequence)) {
      unpacking_->Push(*transfer.job);
    } else {
      --item.reads;
    }
  }
  transfer.next_free = free_transfers_;
  free_transfers_ = &transfer;
}

}  // namespace instar::guest
