// Filling chunks: finding where their bytes are and fetching them.
#include "guest/op/convert/pipeline.h"
#include "lib/base/checked.h"
#include "lib/format/chain.h"

namespace instar::guest {

bool Pipeline::FillChunks() {
  bool moved = false;
  while (!failed_ && filled_ < planned_) {
    Item& item = ItemAt(filled_);
    const uint64_t before = fill_offset_;
    if (item.chunk.kind == convert::ChunkKind::kData) {
      const Status status = Fill(item, filled_);
      if (!status.ok()) {
        Error error = status.error();
        error.value2 = item.chunk.position;
        Fail(error, instar_proto_Stage_STAGE_READ,
             item.chunk.source->file().slot());
        return true;
      }
      moved |= fill_offset_ != before;
      if (fill_offset_ < item.chunk.length) {
        break;
      }
    }
    item.filled = true;
    item.packed_mark = packed_.Mark();
    fill_offset_ = 0;
    ++filled_;
    moved = true;
  }
  return moved;
}

// Issues reads from fill_offset_ on, until the chunk is complete or there is
// no room for more.
Status Pipeline::Fill(Item& item, uint64_t sequence) {
  const convert::Chunk& chunk = item.chunk;
  while (fill_offset_ < chunk.length) {
    const uint64_t left = chunk.length - fill_offset_;
    Image* owner = chunk.source;
    const Extent extent = TRY(LocateAbove(chunk.source, nullptr,
                                          chunk.source_offset + fill_offset_,
                                          left, false, &owner));
    // Past the image's end, up to a full sector, there are zeroes.
    const uint64_t length =
        extent.length == 0 ? left : Min(extent.length, left);
    const MutableBytes out = TRY(item.data.Slice(fill_offset_, length));
    if (extent.length == 0 || (extent.flags & kExtentData) == 0 ||
        (extent.flags & kExtentZero) != 0) {
      out.Fill(0);
    } else {
      const bool issued = TRY(FillExtent(item, sequence, extent, *owner, out));
      if (!issued) {
        return {};
      }
    }
    fill_offset_ += length;
  }
  return {};
}

Result<bool> Pipeline::FillExtent(Item& item, uint64_t sequence,
                                  const Extent& extent, Image& owner,
                                  MutableBytes out) {
  if (!HasTransfer() || requests_->room() == 0) {
    return false;
  }
  if ((extent.flags & kExtentCompressed) == 0) {
    if ((extent.flags & kExtentOffset) == 0) {
      return Error{.fault = Fault::kUnsupported};
    }
    Start(abi::Call::kRead, *extent.file, extent.host_offset, out, sequence,
          sequence);
    ++item.reads;
    return true;
  }
  UnpackJob* job = TRY(unpacking_->Take());
  if (job == nullptr) {
    return false;
  }
  const MutableBytes packed = packed_.Take(extent.stored_bytes);
  if (packed.empty()) {
    unpacking_->Return(*job);
    return false;
  }
  job->image = &owner;
  job->packed = packed.view();
  job->out = out;
  job->skip = extent.cluster_offset;
  job->item = sequence;
  Start(abi::Call::kRead, *extent.file, extent.host_offset, packed, sequence,
        sequence)
      .job = job;
  ++item.reads;
  ++item.unpacks;
  return true;
}

}  // namespace instar::guest
