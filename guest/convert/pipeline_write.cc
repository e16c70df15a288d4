// Storing chunks: what is not zero goes to where the target makes room.
#include "guest/convert/pipeline.h"
#include "guest/rt/slot_file.h"
#include "lib/base/checked.h"

namespace instar::guest {

bool Pipeline::WriteChunks() {
  bool moved = false;
  while (CanWrite()) {
    Item& item = ItemAt(written_);
    const Result<bool> wrote = WriteItem(item, written_);
    if (!wrote.ok()) {
      failure_.Note(written_, wrote.error(),
                    {.stage = instar_proto_Stage_STAGE_WRITE,
                     .position = item.chunk.position});
      return true;
    }
    if (!wrote.value()) {
      break;
    }
    item.stage_mark = stage_mark_;
    ++written_;
    moved = true;
  }
  return moved;
}

bool Pipeline::CanWrite() {
  if (written_ >= failure_.Bound(packed_)) {
    return false;
  }
  const Item& item = ItemAt(written_);
  if (Packs(item) && IsDone(jobs_[written_ % kMaxChunks].task) == 0) {
    return false;
  }
  return item.reads == 0 && item.unpacks == 0;
}

Result<bool> Pipeline::WriteItem(Item& item, uint64_t sequence) {
  const convert::Chunk& chunk = item.chunk;
  if (chunk.kind == convert::ChunkKind::kBacking) {
    return true;
  }
  if (item.damaged) {
    Mend(item);
  }
  if (Packs(item)) {
    return packing_->Write(*this, sequence);
  }
  if (chunk.kind == convert::ChunkKind::kData) {
    TRY(WriteData(item, sequence));
  } else if (options_.split.sparse_sectors == 0) {
    TRY(StoreData(zeroes_.Prefix(chunk.length), chunk.position, sequence));
  } else if (!options_.target_reads_zero) {
    TRY(StoreZeroes(chunk.position, chunk.length));
  }
  return true;
}

Status Pipeline::WriteData(const Item& item, uint64_t sequence) {
  uint64_t done = 0;
  while (done < item.chunk.length) {
    const MutableBytes rest =
        TRY(item.data.Slice(done, item.chunk.length - done));
    const uint64_t position = item.chunk.position + done;
    const convert::Piece piece = FirstPiece(
        rest.view(), position / convert::kSectorBytes, options_.split);
    const uint64_t length = piece.num_sectors * convert::kSectorBytes;
    if (piece.data) {
      const Status stored = StoreData(rest.Prefix(length), position, sequence);
      if (!stored.ok()) {
        return stored;
      }
    } else if (!options_.target_reads_zero) {
      const Status zeroed = StoreZeroes(position, length);
      if (!zeroed.ok()) {
        return zeroed;
      }
    }
    done += length;
  }
  return {};
}

// How much of `length` bytes the request at `position` of the target takes:
// what goes to the same block of dd. Blocks end with the sector that they end
// in.
uint64_t Pipeline::RequestAt(uint64_t position, uint64_t length) const {
  const uint64_t block = options_.request_bytes;
  if (block == 0) {
    return length;
  }
  const uint64_t end = (position / block + 1) * block;
  return Min(length, DivRoundUp(end, 512) * 512 - position);
}

Status Pipeline::StoreZeroes(uint64_t position, uint64_t length) {
  position += options_.target_offset;
  if (!target_->zeroes_are_data()) {
    return target_->WriteZeroes(position, length, true);
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

Status Pipeline::StoreData(MutableBytes bytes, uint64_t position,
                           uint64_t sequence) {
  position += options_.target_offset;
  uint64_t done = 0;
  while (done < bytes.size()) {
    const uint64_t wanted = RequestAt(position + done, bytes.size() - done);
    const WriteExtent where = TRY(target_->Allocate(position + done, wanted));
    INSTAR_CHECK(where.length != 0 && where.length <= wanted);
    static_cast<SlotFile*>(where.file)
        ->GrownTo(where.host_offset + where.length);
    AddToRun(where, TRY(bytes.Slice(done, where.length)), sequence);
    done += where.length;
  }
  return {};
}

void Pipeline::AddToRun(const WriteExtent& where, MutableBytes bytes,
                        uint64_t sequence) {
  const bool adjoins = run_.file == where.file &&
                       run_.offset + run_.bytes.size() == where.host_offset &&
                       run_.bytes.data() + run_.bytes.size() == bytes.data() &&
                       run_.bytes.size() + bytes.size() <= kMaxWriteBytes;
  if (adjoins) {
    run_.bytes =
        MutableBytes(run_.bytes.data(), run_.bytes.size() + bytes.size());
  } else {
    FlushRun();
    run_ = {.file = where.file,
            .offset = where.host_offset,
            .bytes = bytes,
            .first_item = sequence,
            .last_item = sequence};
    ++ItemAt(sequence).writes;
  }
  // Every chunk from the run's first to its last waits for it once, those
  // between that hold nothing but zeroes too.
  for (; run_.last_item < sequence; ++run_.last_item) {
    ++ItemAt(run_.last_item + 1).writes;
  }
  if (run_.bytes.size() >= kMaxWriteBytes / 2) {
    FlushRun();
  }
}

void Pipeline::FlushRun() {
  if (run_.file == nullptr) {
    return;
  }
  const WriteRun run = run_;
  run_ = {};
  Start(abi::Call::kWrite, *run.file, run.offset, run.bytes, run.first_item,
        run.last_item);
}

}  // namespace instar::guest
