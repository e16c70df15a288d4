#include "guest/op/compare/comparison.h"

#include "guest/rt/findings.h"
#include "lib/base/checked.h"
#include "lib/convert/equal.h"
#include "lib/convert/split.h"

namespace instar::guest {
namespace {

constexpr uint64_t kAlignment = 512;

uint64_t RoundUp(uint64_t bytes) {
  return (bytes + kAlignment - 1) & ~(kAlignment - 1);
}

// Cuts `length` bytes from the front of `room`.
MutableBytes Cut(MutableBytes& room, uint64_t length) {
  const MutableBytes piece = room.Prefix(length);
  const uint64_t taken = Min(RoundUp(length), room.size());
  room = room.Slice(taken, room.size() - taken).value();
  return piece;
}

}  // namespace

Comparison::Comparison(Context& context, Image& a, Image& b,
                       Unpacking& unpacking, LongCluster* long_clusters,
                       uint64_t max_fetch_bytes, MutableBytes ring,
                       MutableBytes scratch, Piece* pieces)
    : requests_(context.requests),
      config_(&context.config->operation.compare),
      unpacking_(&unpacking),
      long_clusters_(long_clusters),
      sides_{Side(a, max_fetch_bytes), Side(b, max_fetch_bytes)},
      max_fetch_bytes_(max_fetch_bytes),
      ring_(ring),
      scratch_(scratch),
      pieces_(pieces),
      common_(Min(a.virtual_size(), b.virtual_size())),
      total_(Max(a.virtual_size(), b.virtual_size())) {}

Result<Comparison*> Comparison::Create(Context& context, Image& a, Image& b,
                                       Unpacking& unpacking,
                                       LongCluster* long_clusters,
                                       uint64_t max_cluster_bytes) {
  Arena& arena = context.arena;
  const uint64_t fetch =
      Min(Max(max_cluster_bytes, kMinFetchBytes), kMaxChunkBytes);
  const MutableBytes ring =
      TRY(arena.Allocate(kFetchesInRing * fetch, abi::kPageSize));
  const MutableBytes scratch =
      TRY(arena.Allocate(kMaxChunkBytes, abi::kPageSize));
  Piece* pieces = TRY(arena.NewArray<Piece>(kMaxPieces));
  const MutableBytes place =
      TRY(arena.Allocate(sizeof(Comparison), alignof(Comparison)));
  return new (place.data()) Comparison(context, a, b, unpacking, long_clusters,
                                       fetch, ring, scratch, pieces);
}

bool Comparison::Run() {
  requests_->Call(
      {.call = abi::Call::kProgress, .offset = 0, .length = total_});
  if (config_->strict && common_ != total_) {
    return Report(
        {.comparison = instar_proto_Comparison_COMPARISON_STRICT_SIZE});
  }
  for (;;) {
    bool moved = Plan();
    moved |= requests_->Poll();
    moved |= CollectUnpacked();
    while (released_ < planned_ && PieceAt(released_).pending == 0) {
      Piece& piece = PieceAt(released_);
      const Verdict verdict = Judge(piece);
      if (verdict.reached) {
        return Report(verdict);
      }
      ring_.FreeUpTo(piece.mark);
      ReportProgress(piece);
      ++released_;
      moved = true;
    }
    if (planned_all_ && !has_waiting_ && released_ == planned_) {
      return Report(planned_end_);
    }
    if (!moved) {
      unpacking_->Wait(*requests_, [this] { return CollectUnpacked(); });
    }
  }
}

// ---- Fetching ---------------------------------------------------------------

uint64_t Comparison::BufferBytes(const Piece& piece) {
  uint64_t bytes = 0;
  for (const Part& part : piece.parts) {
    if (part.kind != Part::Kind::kZero) {
      bytes += RoundUp(piece.length);
    }
    if (part.kind == Part::Kind::kPacked) {
      bytes += RoundUp(part.stored_bytes);
    }
  }
  return bytes;
}

// False: there is no room now.
bool Comparison::Start(Piece& piece) {
  if (requests_->room() < kSides) {
    return false;
  }
  const uint64_t wanted = piece.by_host ? 0 : BufferBytes(piece);
  UnpackJob* jobs[kSides] = {};
  for (int i = 0; i < kSides; ++i) {
    if (piece.parts[i].kind != Part::Kind::kPacked) {
      continue;
    }
    const auto job = unpacking_->Take();
    INSTAR_CHECK(job.ok());
    jobs[i] = job.value();
    if (jobs[i] == nullptr) {
      break;
    }
  }
  const bool lacks_job =
      (piece.parts[0].kind == Part::Kind::kPacked && jobs[0] == nullptr) ||
      (piece.parts[1].kind == Part::Kind::kPacked && jobs[1] == nullptr);
  MutableBytes room;
  if (wanted != 0 && !lacks_job) {
    room = ring_.Take(wanted);
  }
  if (lacks_job || (wanted != 0 && room.empty())) {
    for (UnpackJob* job : jobs) {
      if (job != nullptr) {
        unpacking_->Return(*job);
      }
    }
    return false;
  }
  Piece& placed = PieceAt(planned_);
  placed = piece;
  placed.mark = ring_.Mark();
  for (int i = 0; i < kSides; ++i) {
    Fetch& fetch = placed.fetches[i];
    fetch.comparison = this;
    fetch.piece = &placed;
    fetch.job = jobs[i];
    fetch.ticket.on_done = &OnFetched;
    fetch.ticket.owner = &fetch;
  }
  if (placed.by_host) {
    StartOnHost(placed);
  } else {
    StartFetch(placed, 0, room);
    StartFetch(placed, 1, room);
  }
  ++planned_;
  return true;
}

void Comparison::StartOnHost(Piece& piece) {
  const Part& a = piece.parts[0];
  const Part& b = piece.parts[1];
  ++piece.pending;
  requests_->Submit({.call = abi::Call::kCompare,
                     .slot = static_cast<uint16_t>(a.file->slot()),
                     .offset = a.host_offset,
                     .length = piece.length,
                     .offset2 = b.host_offset,
                     .slot2 = b.file->slot()},
                    piece.fetches[0].ticket);
}

void Comparison::StartFetch(Piece& piece, int side, MutableBytes& room) {
  const Part& part = piece.parts[side];
  Fetch& fetch = piece.fetches[side];
  if (part.kind == Part::Kind::kZero) {
    return;
  }
  fetch.bytes = Cut(room, piece.length);
  fetch.target = fetch.bytes;
  if (part.kind == Part::Kind::kLong) {
    const Status read =
        long_clusters_[side].Read(part.long_extent, *part.owner, fetch.bytes);
    fetch.failed = !read.ok();
    fetch.error = read.error();
    return;
  }
  if (fetch.job != nullptr) {
    fetch.target = Cut(room, part.stored_bytes);
    fetch.job->image = part.owner;
    fetch.job->packed = fetch.target.view();
    fetch.job->out = fetch.bytes;
    fetch.job->skip = part.cluster_offset;
    fetch.job->cluster_bytes = part.cluster_bytes;
    fetch.job->item = planned_ * kSides + static_cast<uint64_t>(side);
  }
  ++piece.pending;
  requests_->Submit({.call = abi::Call::kRead,
                     .slot = static_cast<uint16_t>(part.file->slot()),
                     .offset = part.host_offset,
                     .length = fetch.target.size(),
                     .buffer = AddressOf(fetch.target.data())},
                    fetch.ticket);
}

void Comparison::OnFetched(Ticket& ticket) {
  auto* fetch = static_cast<Fetch*>(ticket.owner);
  fetch->comparison->Fetched(*fetch);
}

void Comparison::Fetched(Fetch& fetch) {
  if (reported_result_) {
    return;  // nothing may be asked of the host behind the end
  }
  const int64_t result = fetch.ticket.result;
  if (result < 0) {
    fetch.failed = true;
    fetch.error = {.fault = Fault::kErrno,
                   .error = static_cast<int32_t>(-result)};
    if (fetch.job != nullptr) {
      unpacking_->Return(*fetch.job);
    }
  } else if (!fetch.piece->by_host) {
    // Behind the end of the file everything is zero.
    const auto got = Min(static_cast<uint64_t>(result), fetch.target.size());
    fetch.target.Slice(got, fetch.target.size() - got).value().Fill(0);
    if (fetch.job != nullptr) {
      unpacking_->Push(*fetch.job);
      return;
    }
  }
  --fetch.piece->pending;
}

bool Comparison::CollectUnpacked() {
  bool moved = false;
  while (UnpackJob* job = unpacking_->NextDone()) {
    Piece& piece = PieceAt(job->item / kSides);
    Fetch& fetch = piece.fetches[job->item % kSides];
    fetch.failed = job->failed;
    fetch.error = job->error;
    --piece.pending;
    unpacking_->Return(*job);
    moved = true;
  }
  return moved;
}

// ---- Judging ----------------------------------------------------------------

// Which of the two files the host could not read.
int Comparison::FailedSide(const Piece& piece) const {
  const Part& part = piece.parts[0];
  const MutableBytes bytes = scratch_.Prefix(piece.length);
  return part.file->ReadAt(part.host_offset, bytes).ok() ? 1 : 0;
}

Comparison::Verdict Comparison::Judge(Piece& piece) {
  for (int i = 0; i < kSides; ++i) {
    if (piece.fetches[i].failed) {
      return {.reached = true,
              .comparison = instar_proto_Comparison_COMPARISON_FAILED,
              .offset = piece.chunk,
              .excess = piece.excess,
              .error = piece.fetches[i].error,
              .stage = instar_proto_Stage_STAGE_READ,
              .side = piece.by_host ? FailedSide(piece) : i};
    }
  }
  return JudgeBytes(piece);
}

Comparison::Verdict Comparison::JudgeBytes(const Piece& piece) const {
  const ByteView a = piece.fetches[0].bytes.view();
  const ByteView b = piece.fetches[1].bytes.view();
  uint64_t equal = 0;  // bytes, up to the piece's end or a difference
  if (piece.by_host) {
    equal = static_cast<uint64_t>(piece.fetches[0].ticket.result);
  } else if (a.empty() && b.empty()) {
    return {};
  } else if (a.empty() || b.empty()) {
    equal =
        convert::FirstNonzeroSector(a.empty() ? b : a) * convert::kSectorBytes;
  } else {
    equal = convert::FirstDifferentSector(a, b) * convert::kSectorBytes;
  }
  if (equal >= piece.length) {
    return {};
  }
  const uint64_t in_chunk = piece.position + equal - piece.chunk;
  return {.reached = true,
          .comparison = instar_proto_Comparison_COMPARISON_CONTENT,
          .offset = piece.chunk + AlignDown(in_chunk, convert::kSectorBytes),
          .excess = piece.excess};
}

// qemu-img tells its progress at the ends of chunks, where it has moved by more
// than two percents.
void Comparison::ReportProgress(const Piece& piece) {
  const uint64_t done = piece.position + piece.length;
  if (done != piece.chunk_end ||
      (done != total_ && done - reported_ <= total_ / 50)) {
    return;
  }
  reported_ = done;
  requests_->Call(
      {.call = abi::Call::kProgress, .offset = done, .length = total_});
}

bool Comparison::Report(const Verdict& verdict) {
  reported_result_ = true;
  ReportComparison({.comparison = verdict.comparison,
                    .offset = verdict.offset,
                    .reached_excess = verdict.excess});
  if (verdict.comparison != instar_proto_Comparison_COMPARISON_FAILED) {
    return true;
  }
  ReportFailure(verdict.error,
                {.stage = verdict.stage,
                 .slot = sides_[verdict.side].image().file().slot(),
                 .position = verdict.offset});
  return false;
}

}  // namespace instar::guest
