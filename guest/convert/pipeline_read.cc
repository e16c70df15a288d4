// Filling chunks: finding where their bytes are and fetching them.
#include "guest/convert/pipeline.h"
#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::guest {

bool Pipeline::FillChunks() {
  bool moved = false;
  while (filled_ < failure_.Bound(planned_)) {
    Item& item = ItemAt(filled_);
    const uint64_t before = fill_offset_;
    if (item.chunk.kind == convert::ChunkKind::kData) {
      const Status status = Fill(item, filled_);
      if (!status.ok() && options_.salvage) {
        item.damaged = true;
        fill_offset_ = item.chunk.length;
      } else if (!status.ok()) {
        failure_.Note(filled_, status.error(),
                      {.stage = instar_proto_Stage_STAGE_READ,
                       .slot = item.chunk.source->file().slot(),
                       .position = item.chunk.position});
        return true;
      }
      moved |= fill_offset_ != before;
      if (fill_offset_ < item.chunk.length) {
        break;
      }
    }
    item.filled = true;
    item.packed_mark = window_.mark;
    fill_offset_ = 0;
    ++filled_;
    moved = true;
  }
  return moved;
}

// What belongs to the front of `room`, the bytes from `position` on.
Result<Pipeline::Found> Pipeline::Locate(uint64_t position, MutableBytes room) {
  const convert::Planner::Origin origin = planner_->OriginOf(position);
  Found found = {.out = room, .is_zero = origin.left == 0};
  if (!found.is_zero) {
    const uint64_t left = Min(room.size(), origin.left);
    found.owner = origin.source;
    found.extent = TRY(LocateAbove(origin.source, nullptr, origin.offset, left,
                                   false, &found.owner));
    // Past the image's end, up to a full sector, there are zeroes.
    const uint64_t length = found.extent.length;
    found.out = room.Prefix(length == 0 ? left : Min(length, left));
    found.is_zero = length == 0 || (found.extent.flags & kExtentData) == 0 ||
                    (found.extent.flags & kExtentZero) != 0;
  }
  if (found.is_zero) {
    found.out.Fill(0);
  }
  return found;
}

// Issues reads from fill_offset_ on, until the chunk is complete or there is
// no room for more.
Status Pipeline::Fill(Item& item, uint64_t sequence) {
  const convert::Chunk& chunk = item.chunk;
  while (fill_offset_ < chunk.length) {
    const MutableBytes rest =
        TRY(item.data.Slice(fill_offset_, chunk.length - fill_offset_));
    const Found found = TRY(Locate(chunk.position + fill_offset_, rest));
    const bool done =
        found.is_zero ||
        TRY(FillExtent(item, sequence, found.extent, *found.owner, found.out));
    if (!done) {
      return {};
    }
    fill_offset_ += found.out.size();
  }
  return {};
}

Result<bool> Pipeline::FillExtent(Item& item, uint64_t sequence,
                                  const Extent& extent, Image& owner,
                                  MutableBytes out) {
  if ((extent.flags & kExtentCompressed) != 0) {
    return FillPacked(sequence, extent, owner, out);
  }
  if ((extent.flags & kExtentOffset) == 0) {
    return Error{.fault = Fault::kUnsupported};
  }
  if (!HasTransfer() || requests_->room() == 0) {
    return false;
  }
  Start(abi::Call::kRead, *extent.file, extent.host_offset, out, sequence,
        sequence);
  ++item.reads;
  return true;
}

Result<bool> Pipeline::FillPacked(uint64_t sequence, const Extent& extent,
                                  const Image& owner, MutableBytes out) {
  if (extent.stored_bytes == 0) {
    return Error{.fault = Fault::kCompressedData};
  }
  if (LongCluster::Is(extent)) {
    TRY(long_cluster_->Read(extent, owner, out));
    return true;
  }
  UnpackJob* job = TRY(unpacking_->Take());
  if (job == nullptr) {
    return false;
  }
  const bool inside = window_.file == extent.file &&
                      extent.host_offset >= window_.offset &&
                      extent.host_offset + extent.stored_bytes <=
                          window_.offset + window_.bytes.size();
  if (!inside && !OpenWindow(extent, sequence)) {
    unpacking_->Return(*job);
    return false;
  }
  // The last sector of one packed cluster is often the first of the next.
  window_.next_offset = extent.host_offset + extent.stored_bytes;
  job->image = &owner;
  job->packed = TRY(window_.bytes.Slice(extent.host_offset - window_.offset,
                                        extent.stored_bytes))
                    .view();
  job->out = out;
  job->skip = extent.cluster_offset;
  job->cluster_bytes = extent.cluster_bytes;
  job->item = sequence;
  AttachJob(*job, sequence);
  return true;
}

// Begins to read the stored bytes from `extent` on. False: no room now.
bool Pipeline::OpenWindow(const Extent& extent, uint64_t sequence) {
  constexpr uint64_t kSector = 512;
  const bool adjoins = window_.file == extent.file &&
                       extent.host_offset <= window_.next_offset &&
                       extent.host_offset + kSector >= window_.next_offset;
  const uint64_t length =
      adjoins ? Max(extent.stored_bytes, kWindowBytes) : extent.stored_bytes;
  if (!HasTransfer() || requests_->room() == 0) {
    return false;
  }
  const uint64_t mark = windows_.Mark();
  const MutableBytes bytes = windows_.Take(length);
  if (bytes.empty()) {
    return false;
  }
  window_ = {.file = extent.file,
             .offset = extent.host_offset,
             .bytes = bytes,
             .mark = mark};
  window_.transfer = &Start(abi::Call::kRead, *extent.file, extent.host_offset,
                            bytes, sequence, sequence);
  ++ItemAt(sequence).reads;
  return true;
}

// Lets `job` begin when the window's bytes are there.
void Pipeline::AttachJob(UnpackJob& job, uint64_t sequence) {
  ++ItemAt(sequence).unpacks;
  Transfer* transfer = window_.transfer;
  if (transfer == nullptr) {
    unpacking_->Push(job);
    return;
  }
  job.next = nullptr;
  (transfer->jobs == nullptr ? transfer->jobs : transfer->last_job->next) =
      &job;
  transfer->last_job = &job;
  for (; transfer->last_item < sequence; ++transfer->last_item) {
    ++ItemAt(transfer->last_item + 1).reads;
  }
}

}  // namespace instar::guest
