#include "guest/op/bench/load.h"

#include "guest/rt/findings.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"
#include "lib/base/errno.h"

namespace instar::guest {
namespace {

constexpr uint64_t kSectorBytes = 512;

}  // namespace

Load::Load(Context& context, Image& image, ChangedTarget* written,
           Unpacking& unpacking, LongCluster& long_cluster, MutableBytes buffer,
           Request* requests)
    : arena_(&context.arena),
      ring_(context.requests),
      config_(&context.config->operation.bench),
      image_(&image),
      written_(written),
      unpacking_(&unpacking),
      long_cluster_(&long_cluster),
      buffer_(buffer),
      requests_(requests),
      depth_(Min(config_->depth, kMaxDepth)),
      image_bytes_(DivRoundUp(image.virtual_size(), kSectorBytes) *
                   kSectorBytes),
      offset_(config_->offset) {}

Result<Load*> Load::Create(Context& context, Image& image,
                           ChangedTarget* written, Unpacking& unpacking,
                           LongCluster& long_cluster) {
  Arena& arena = context.arena;
  const MutableBytes buffer =
      TRY(arena.Allocate(kMaxPieceBytes, abi::kPageSize));
  buffer.Fill(static_cast<uint8_t>(context.config->operation.bench.pattern));
  Request* requests = TRY(arena.NewArray<Request>(kMaxDepth));
  const MutableBytes place = TRY(arena.Allocate(sizeof(Load), alignof(Load)));
  return new (place.data())
      Load(context, image, written, unpacking, long_cluster, buffer, requests);
}

bool Load::Run() {
  const uint64_t count = config_->count;
  ring_->Call({.call = abi::Call::kProgress, .offset = 0, .length = count});
  while (done_ < count) {
    if (!StartRequests() || !Advance()) {
      return false;
    }
  }
  ring_->Await(flush_);
  return true;
}

void Load::AwaitAll() {
  for (uint64_t i = 0; i < depth_; ++i) {
    ring_->Await(requests_[i].ticket);
  }
}

Status Load::AwaitWrites() {
  AwaitAll();
  for (uint64_t i = 0; i < depth_; ++i) {
    const int64_t result = requests_[i].ticket.result;
    if (result < 0) {
      return Error{.fault = Fault::kErrno, .error = static_cast<int>(-result)};
    }
  }
  return {};
}

bool Load::Fail(const Error& error, uint64_t position) {
  // Whoever fails must not leave before what still writes to its memory ends.
  AwaitAll();
  ReportFailure(error,
                {.stage = written_ != nullptr ? instar_proto_Stage_STAGE_WRITE
                                              : instar_proto_Stage_STAGE_READ,
                 .slot = image_->file().slot(),
                 .position = position});
  return false;
}

// ---- Which requests ---------------------------------------------------------

// False after a report.
bool Load::StartRequests() {
  const uint64_t interval = config_->flush_interval;
  for (uint64_t i = 0; i < depth_ && started_ < config_->count; ++i) {
    Request& request = requests_[i];
    if (request.active) {
      continue;
    }
    const bool flushes =
        interval != 0 && started_ != 0 && started_ % interval == 0;
    if (flushes && config_->drains && done_ != started_) {
      return true;
    }
    const Status flushed = flushes ? Flush() : Status();
    if (!flushed.ok()) {
      return Fail(flushed.error(), offset_);
    }
    request.offset = offset_;
    request.left = config_->buffer_bytes;
    request.active = true;
    ++started_;
    NextOffset();
    const Status status = Continue(request);
    if (!status.ok()) {
      return Fail(status.error(), request.offset);
    }
  }
  return true;
}

void Load::NextOffset() {
  // A sum that leaves 64 bits is beyond any image: it wraps as any other.
  offset_ += config_->step_bytes;
  const uint64_t kept = config_->wraps_before_end
                            ? Min(config_->buffer_bytes, image_bytes_)
                            : uint64_t{0};
  const uint64_t modulus = image_bytes_ - kept;
  offset_ = modulus == 0 ? 0 : offset_ % modulus;
}

// What was written so far is durable afterwards, or soon, with --no-drain.
Status Load::Flush() {
  TRY(written_->target->Sync());
  if (config_->drains) {
    File* data = written_->files.data_file;
    TRY(data != nullptr ? data->Flush() : Status());
    return image_->file().Flush();
  }
  ring_->Await(flush_);
  ring_->Submit({.call = abi::Call::kFlush,
                 .slot = static_cast<uint16_t>(image_->file().slot())},
                flush_);
  return {};
}

// Takes up the requests whose pieces have come, or waits for one. False after a
// report.
bool Load::Advance() {
  const uint64_t done_before = done_;
  const uint32_t seen = ring_->event();
  bool moved = ring_->Poll();
  for (uint64_t i = 0; i < depth_; ++i) {
    Request& request = requests_[i];
    if (!request.active || !request.ticket.done) {
      continue;
    }
    moved = true;
    const Status status = Arrived(request);
    const Status next = status.ok() ? Continue(request) : status;
    if (!next.ok()) {
      return Fail(next.error(), request.offset);
    }
  }
  if (!moved && done_ == done_before && ring_->outstanding() != 0) {
    ring_->Sleep(seen);
  }
  return true;
}

// ---- One request ------------------------------------------------------------

Status Load::Continue(Request& request) {
  while (request.left != 0 && request.ticket.done) {
    const bool fits = request.offset <= image_bytes_ &&
                      request.left <= image_bytes_ - request.offset;
    if (!fits) {
      return Error{.fault = Fault::kErrno, .error = kEio};
    }
    TRY(written_ != nullptr ? StartWrite(request) : StartRead(request));
  }
  if (request.ticket.done) {
    request.active = false;
    ++done_;
  }
  return {};
}

// A piece is there.
Status Load::Arrived(Request& request) {
  const int64_t result = request.ticket.result;
  if (result < 0) {
    return Error{.fault = Fault::kErrno, .error = static_cast<int>(-result)};
  }
  const LayerPiece& piece = request.piece;
  request.ticket.result = 0;
  if (piece.stored_bytes == 0) {
    return {};
  }
  const auto read = static_cast<uint64_t>(result);
  const MutableBytes out = buffer_.Prefix(piece.cluster_bytes);
  return unpacking_->UnpackHere(*piece.owner,
                                request.packed.view().Prefix(read), out);
}

Status Load::StartRead(Request& request) {
  request.piece = TRY(LayerCopy::Find(image_, request.offset,
                                      Min(request.left, kMaxPieceBytes)));
  const LayerPiece& piece = request.piece;
  if (piece.stored_bytes != 0) {
    TRY(StartPackedRead(request));
  } else if (piece.zero) {
    buffer_.Prefix(piece.length).Fill(0);
  } else {
    TRY(Transfer(request, *piece.file, piece.host_offset,
                 buffer_.Prefix(piece.length)));
  }
  request.offset += piece.length;
  request.left -= piece.length;
  return {};
}

Status Load::StartPackedRead(Request& request) {
  LayerPiece& piece = request.piece;
  const bool is_long = piece.stored_bytes > kMaxPackedBytes ||
                       piece.cluster_bytes > kMaxPieceBytes;
  if (!is_long) {
    if (request.packed.empty()) {
      request.packed = TRY(arena_->Allocate(kMaxPackedBytes, kSectorBytes));
    }
    return Transfer(request, *piece.file, piece.host_offset,
                    request.packed.Prefix(piece.stored_bytes));
  }
  const Extent extent = {.length = piece.length,
                         .flags = kExtentData | kExtentCompressed,
                         .file = piece.file,
                         .host_offset = piece.host_offset,
                         .stored_bytes = piece.stored_bytes,
                         .cluster_offset = piece.cluster_offset,
                         .cluster_bytes = piece.cluster_bytes};
  TRY(long_cluster_->Read(extent, *piece.owner, buffer_.Prefix(piece.length)));
  piece.stored_bytes = 0;  // nothing is left to unpack
  return {};
}

Status Load::StartWrite(Request& request) {
  const WriteExtent extent = TRY(written_->target->Allocate(
      request.offset, Min(request.left, kMaxPieceBytes)));
  TRY(Transfer(request, *extent.file, extent.host_offset,
               buffer_.Prefix(extent.length)));
  request.offset += extent.length;
  request.left -= extent.length;
  return {};
}

Status Load::Transfer(Request& request, File& file, uint64_t offset,
                      MutableBytes bytes) {
  const bool writes = written_ != nullptr;
  const uint64_t alignment = file.request_alignment();
  if ((offset | bytes.size()) % alignment != 0) {
    return writes ? file.WriteAt(offset, bytes.view())
                  : file.ReadAt(offset, bytes);
  }
  if (writes) {
    static_cast<SlotFile&>(file).GrownTo(offset + bytes.size());
  }
  ring_->Submit({.call = writes ? abi::Call::kWrite : abi::Call::kRead,
                 .slot = static_cast<uint16_t>(file.slot()),
                 .offset = offset,
                 .length = bytes.size(),
                 .buffer = AddressOf(bytes.data())},
                request.ticket);
  return {};
}

}  // namespace instar::guest
