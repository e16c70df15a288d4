#include "lib/format/dmg/chunk_table.h"

#include "lib/base/checked.h"
#include "lib/format/dmg/layout.h"

namespace instar::dmg {

Result<ChunkTable> ChunkTable::Create(Arena& arena, BlockCache& cache,
                                      const ChunkWalk& start) {
  ChunkTable table;
  Mark* const marks = TRY(arena.NewArray<Mark>(kMaxMarks));
  table.marks_ = std::span(marks, kMaxMarks);
  ChunkWalk walk = start;
  for (; table.num_chunks_ < kMaxChunks; ++table.num_chunks_) {
    const ChunkWalk before = walk;
    Chunk chunk;
    const bool found = TRY(walk.Next(cache, chunk));
    if (!found) {
      return table;
    }
    TRY(table.Check(chunk));
    table.AddMark(before, chunk);
  }
  return Error{.fault = Fault::kDmgTooComplex, .value = kMaxChunks};
}

Status ChunkTable::Check(const Chunk& chunk) {
  const bool is_zero = chunk.type == kChunkZero || chunk.type == kChunkIgnored;
  if (!is_zero && chunk.num_sectors > kMaxChunkSectors) {
    return Error{.fault = Fault::kDmgSectorCount,
                 .value = chunk.num_sectors,
                 .value2 = num_chunks_,
                 .value3 = kMaxChunkSectors};
  }
  if (chunk.bytes > kMaxChunkBytes) {
    return Error{.fault = Fault::kDmgLength,
                 .value = chunk.bytes,
                 .value2 = num_chunks_,
                 .value3 = kMaxChunkBytes};
  }
  if (!is_zero && chunk.type != kChunkRaw) {
    max_cluster_bytes_ =
        Max(max_cluster_bytes_, chunk.num_sectors * kSectorBytes);
  }
  const auto end = CheckedAdd(chunk.sector, chunk.num_sectors);
  in_order_ = in_order_ && end.ok() && chunk.sector >= end_sector_;
  end_sector_ = end.ok() ? end.value() : end_sector_;
  return {};
}

void ChunkTable::AddMark(const ChunkWalk& walk, const Chunk& chunk) {
  if (num_chunks_ % stride_ != 0) {
    return;
  }
  if (num_marks_ == kMaxMarks) {
    num_marks_ = kMaxMarks / 2;
    for (uint64_t i = 0; i < num_marks_; ++i) {
      marks_[i] = marks_[2 * i];
    }
    stride_ *= 2;
  }
  marks_[num_marks_] = {.walk = walk, .sector = chunk.sector};
  ++num_marks_;
}

Result<bool> ChunkTable::Find(BlockCache& cache, uint64_t sector,
                              Chunk& chunk) {
  if (has_last_ && last_.Holds(sector)) {
    chunk = last_;
    return true;
  }
  const bool found = in_order_ ? TRY(FindInOrder(cache, sector, chunk))
                               : TRY(Bisect(cache, sector, chunk));
  if (found) {
    last_ = chunk;
    has_last_ = true;
  }
  return found;
}

Result<bool> ChunkTable::FindInOrder(BlockCache& cache, uint64_t sector,
                                     Chunk& chunk) {
  // A reader from front to back wants the next one.
  if (has_last_ && sector >= last_.sector) {
    ChunkWalk walk = next_;
    const bool any = TRY(walk.Next(cache, chunk));
    if (any && chunk.Holds(sector)) {
      next_ = walk;
      return true;
    }
  }
  uint64_t low = 0;
  uint64_t high = num_marks_;  // marks_[high] is behind the sector
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (marks_[middle].sector <= sector) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) {
    return false;
  }
  ChunkWalk walk = marks_[low - 1].walk;
  for (uint64_t i = 0; i < stride_; ++i) {
    const bool any = TRY(walk.Next(cache, chunk));
    if (!any || chunk.sector > sector) {
      return false;
    }
    if (chunk.Holds(sector)) {
      next_ = walk;
      return true;
    }
  }
  return false;
}

Result<bool> ChunkTable::ChunkAt(BlockCache& cache, uint64_t index,
                                 Chunk& chunk) {
  if (index >= num_chunks_) {
    return false;
  }
  ChunkWalk walk = marks_[index / stride_].walk;
  for (uint64_t i = 0; i <= index % stride_; ++i) {
    const bool any = TRY(walk.Next(cache, chunk));
    if (!any) {
      return false;
    }
  }
  return true;
}

// qemu's binary search, step by step: what it finds among chunks in disorder
// depends on them.
Result<bool> ChunkTable::Bisect(BlockCache& cache, uint64_t sector,
                                Chunk& chunk) {
  uint64_t first = 0;
  uint64_t last = num_chunks_;
  while (first <= last) {
    const uint64_t middle = (first + last) / 2;
    const bool any = TRY(ChunkAt(cache, middle, chunk));
    if (!any) {
      return false;
    }
    if (chunk.Holds(sector)) {
      return true;
    }
    if (chunk.sector <= sector) {
      first = middle + 1;
    } else if (middle == 0) {
      return false;
    } else {
      last = middle - 1;
    }
  }
  return false;
}

}  // namespace instar::dmg
