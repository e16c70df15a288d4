#include "guest/convert/pipeline.h"

#include "lib/base/checked.h"

namespace instar::guest {

Pipeline::Pipeline(Context& context, convert::Planner& planner, Target& target,
                   Unpacking& unpacking, LongCluster& long_cluster,
                   const PipelineOptions& options, MutableBytes data,
                   MutableBytes packed, MutableBytes zeroes, Item* items,
                   Transfer* transfers)
    : requests_(context.requests),
      planner_(&planner),
      target_(&target),
      unpacking_(&unpacking),
      long_cluster_(&long_cluster),
      options_(options),
      data_(data),
      windows_(packed),
      zeroes_(zeroes),
      packing_(options.packing),
      out_({}),
      stages_({}),
      items_(items) {
  for (uint64_t i = 0; i < kMaxTransfers; ++i) {
    transfers[i].pipeline = this;
    transfers[i].next_free = free_transfers_;
    free_transfers_ = &transfers[i];
  }
}

Result<Pipeline*> Pipeline::Create(Context& context, convert::Planner& planner,
                                   Target& target, Unpacking& unpacking,
                                   LongCluster& long_cluster,
                                   const PipelineOptions& options) {
  Arena& arena = context.arena;
  const MutableBytes data = TRY(arena.Allocate(kDataBytes, 4096));
  const MutableBytes packed = TRY(arena.Allocate(kPackedBytes, 4096));
  // Fresh arena memory is zero already: touching it would cost its pages.
  const MutableBytes zeroes = TRY(arena.Allocate(
      options.split.sparse_sectors == 0 ? kMaxWriteBytes : 0, 4096));
  zeroes.Fill(0);
  Item* items = TRY(arena.NewArray<Item>(kMaxChunks));
  Transfer* transfers = TRY(arena.NewArray<Transfer>(kMaxTransfers));
  const MutableBytes place =
      TRY(arena.Allocate(sizeof(Pipeline), alignof(Pipeline)));
  auto* pipeline = new (place.data())
      Pipeline(context, planner, target, unpacking, long_cluster, options, data,
               packed, zeroes, items, transfers);
  if (options.packing != nullptr) {
    TRY(options.packing->Prepare(*pipeline, arena));
  }
  return pipeline;
}

// Chunks that are not packed pass at once.
bool Pipeline::PackChunks() {
  bool moved = false;
  while (packed_ < failure_.Bound(filled_)) {
    Item& item = ItemAt(packed_);
    if (Packs(item)) {
      if (!packing_->PackOne(*this)) {
        break;
      }
    } else {
      item.out_mark = out_.Mark();
    }
    ++packed_;
    moved = true;
  }
  return moved;
}

bool Pipeline::Run() {
  for (;;) {
    bool moved = PlanChunks();
    moved |= FillChunks();
    moved |= requests_->Poll();
    moved |= CollectUnpacked();
    moved |= PackChunks();
    moved |= WriteChunks();
    moved |= ReleaseChunks();
    if (IsAtEnd()) {
      break;
    }
    if (!moved) {
      Wait();
    }
  }
  return failure_.Report();
}

bool Pipeline::IsAtEnd() const {
  const bool is_planned =
      failure_.is_set() || (planner_->AtEnd() && !has_waiting_chunk_);
  return is_planned && released_ == failure_.Bound(planned_);
}

// Nothing can move until a completion comes or a task ends.
void Pipeline::Wait() {
  FlushRun();
  const bool busy = packed_ != written_ && packing_ != nullptr;
  Workers::Get().WaitFor(*requests_, busy || unpacking_->HasRunning(),
                         [this] { return CollectUnpacked() || CanWrite(); });
}

bool Pipeline::PlanChunks() {
  bool moved = false;
  while (!failure_.is_set() && planned_ - released_ < kMaxChunks && PlanOne()) {
    moved = true;
  }
  return moved;
}

bool Pipeline::PlanOne() {
  if (!has_waiting_chunk_) {
    if (planner_->AtEnd()) {
      return false;
    }
    const Result<convert::Chunk> chunk = planner_->Next();
    if (!chunk.ok()) {
      failure_.Note(planned_, chunk.error(),
                    {.stage = instar_proto_Stage_STAGE_STATUS,
                     .slot = planner_->failed_source()->file().slot(),
                     .position = planner_->failed_offset()});
      return false;
    }
    waiting_chunk_ = chunk.value();
    has_waiting_chunk_ = true;
  }
  Item item;
  item.chunk = waiting_chunk_;
  if (item.chunk.kind == convert::ChunkKind::kData) {
    const uint64_t length =
        packing_ == nullptr ? item.chunk.length : packing_->cluster_bytes();
    item.data = data_.Take(length);
    if (item.data.empty()) {
      return false;
    }
    item.data.Slice(item.chunk.length, length - item.chunk.length)
        .value()
        .Fill(0);
  }
  item.data_mark = data_.Mark();
  has_waiting_chunk_ = false;
  ItemAt(planned_) = item;
  ++planned_;
  return true;
}

bool Pipeline::CollectUnpacked() {
  bool moved = false;
  while (UnpackJob* job = unpacking_->NextDone()) {
    moved = true;
    Item& item = ItemAt(job->item);
    --item.unpacks;
    if (job->failed && options_.salvage) {
      item.damaged = true;
    } else if (job->failed) {
      failure_.Note(job->item, job->error,
                    {.stage = instar_proto_Stage_STAGE_READ,
                     .slot = job->image->file().slot(),
                     .position = item.chunk.position});
    }
    unpacking_->Return(*job);
  }
  return moved;
}

bool Pipeline::ReleaseChunks() {
  const uint64_t before = released_;
  while (released_ < failure_.Bound(written_) &&
         ItemAt(released_).writes == 0) {
    const Item& item = ItemAt(released_);
    data_.FreeUpTo(item.data_mark);
    windows_.FreeUpTo(item.packed_mark);
    if (packing_ != nullptr) {
      out_.FreeUpTo(item.out_mark);
      stages_.FreeUpTo(item.stage_mark);
    }
    CountProgress(item.chunk);
    ++released_;
  }
  return released_ != before;
}

// Some hundred reports for the whole run. What is printed moves by more than a
// percent; whether a step of very nearly one does is the host's to say, so such
// a step is told, and the next is measured from where it began.
void Pipeline::CountProgress(const convert::Chunk& chunk) {
  if (options_.progress_is_data && !planner_->CountsAsData(chunk)) {
    return;
  }
  progress_ += chunk.length;
  const uint64_t all = options_.progress_bytes;
  const uint64_t step = all / (options_.progress_is_data ? 100 : 256);
  const uint64_t moved = progress_ - reported_progress_;
  if (moved < step && progress_ != all) {
    return;
  }
  if (moved > step + 1) {
    reported_progress_ = progress_;
  }
  requests_->Call(
      {.call = abi::Call::kProgress, .offset = progress_, .length = all});
}

Status Pipeline::AwaitWrites() {
  FlushRun();
  while (writes_ != 0) {
    const uint32_t seen = requests_->event();
    if (!requests_->Poll()) {
      requests_->Sleep(seen);
    }
  }
  return stored_;
}

// ---- Transfers --------------------------------------------------------------

Pipeline::Transfer& Pipeline::Start(abi::Call call, File& file, uint64_t offset,
                                    MutableBytes bytes, uint64_t first,
                                    uint64_t last) {
  while (!HasTransfer()) {
    const uint32_t seen = requests_->event();
    if (!requests_->Poll()) {
      requests_->Sleep(seen);
    }
  }
  Transfer& transfer = *free_transfers_;
  free_transfers_ = transfer.next_free;
  transfer.ticket.on_done = &OnTransferDone;
  transfer.ticket.owner = &transfer;
  transfer.first_item = first;
  transfer.last_item = last;
  transfer.bytes = bytes;
  transfer.slot = file.slot();
  transfer.offset = offset;
  transfer.is_write = call == abi::Call::kWrite;
  writes_ += transfer.is_write ? 1 : 0;
  transfer.jobs = nullptr;
  requests_->Submit({.call = call,
                     .slot = static_cast<uint16_t>(file.slot()),
                     .offset = offset,
                     .length = bytes.size(),
                     .buffer = AddressOf(bytes.data())},
                    transfer.ticket);
  return transfer;
}

void Pipeline::OnTransferDone(Ticket& ticket) {
  auto* transfer = static_cast<Transfer*>(ticket.owner);
  transfer->pipeline->Complete(*transfer);
}

void Pipeline::FailedTransfer(const Transfer& transfer) {
  const Error error = {.fault = Fault::kErrno,
                       .value = transfer.offset,
                       .error = static_cast<int32_t>(-transfer.ticket.result)};
  failure_.Note(transfer.first_item, error,
                {.stage = transfer.is_write ? instar_proto_Stage_STAGE_WRITE
                                            : instar_proto_Stage_STAGE_READ,
                 .slot = transfer.slot,
                 .position = ItemAt(transfer.first_item).chunk.position});
  if (transfer.is_write && stored_.ok()) {
    stored_ = error;
  }
}

void Pipeline::Complete(Transfer& transfer) {
  const int64_t result = transfer.ticket.result;
  if (result < 0 && !transfer.is_write && options_.salvage) {
    transfer.bytes.Fill(0);
    for (uint64_t i = transfer.first_item; i <= transfer.last_item; ++i) {
      ItemAt(i).damaged = true;
    }
  } else if (result < 0) {
    FailedTransfer(transfer);
  } else if (!transfer.is_write) {
    // Behind the end of the file everything is zero.
    const auto got = Min(static_cast<uint64_t>(result), transfer.bytes.size());
    transfer.bytes.Slice(got, transfer.bytes.size() - got).value().Fill(0);
  }
  for (uint64_t i = transfer.first_item; i <= transfer.last_item; ++i) {
    Item& item = ItemAt(i);
    if (transfer.is_write) {
      --item.writes;
    } else {
      --item.reads;
    }
  }
  writes_ -= transfer.is_write ? 1 : 0;
  if (window_.transfer == &transfer) {
    window_.transfer = nullptr;
  }
  while (UnpackJob* job = transfer.jobs) {
    transfer.jobs = job->next;
    // Behind a failure nothing new begins: a worker woken now would wake after
    // the end of the run.
    if (failure_.GoesOn(job->item)) {
      unpacking_->Push(*job);
    }
  }
  transfer.next_free = free_transfers_;
  free_transfers_ = &transfer;
}

}  // namespace instar::guest
