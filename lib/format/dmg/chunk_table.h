// Which chunk holds a sector. The table stays in the file, where its entries
// have no fixed places; what is kept is where the walk stood at some of them.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "lib/format/block_cache.h"
#include "lib/format/dmg/chunk_walk.h"

namespace instar::dmg {

class ChunkTable {
 public:
  ChunkTable() = default;

  // Walks all chunks once. Memory is bounded, however many there are.
  // Errors: kErrno, kNoMemory, kDmgSectorCount, kDmgLength, kDmgTooComplex.
  static Result<ChunkTable> Create(Arena& arena, BlockCache& cache,
                                   const ChunkWalk& start);

  // Finds the chunk that holds `sector`, as qemu's search does, which expects
  // them in order. False: it finds none. Errors: kErrno.
  Result<bool> Find(BlockCache& cache, uint64_t sector, Chunk& chunk);

  // Unpacked, of the longest packed chunk.
  uint64_t max_cluster_bytes() const { return max_cluster_bytes_; }

 private:
  // Where the walk stood before every stride_-th chunk.
  struct Mark {
    ChunkWalk walk;
    uint64_t sector = 0;  // of the chunk that follows
  };

  static constexpr uint64_t kMaxMarks = 512;
  // Bounds the time of opening; qemu has no such limit.
  static constexpr uint64_t kMaxChunks = 1 << 22;

  void AddMark(const ChunkWalk& walk, const Chunk& chunk);
  Status Check(const Chunk& chunk);
  Result<bool> ChunkAt(BlockCache& cache, uint64_t index, Chunk& chunk);
  Result<bool> FindInOrder(BlockCache& cache, uint64_t sector, Chunk& chunk);
  Result<bool> Bisect(BlockCache& cache, uint64_t sector, Chunk& chunk);

  std::span<Mark> marks_;
  uint64_t num_marks_ = 0;
  uint64_t stride_ = 1;
  uint64_t num_chunks_ = 0;
  uint64_t max_cluster_bytes_ = 0;
  bool in_order_ = true;  // one behind the other, none over another
  uint64_t end_sector_ = 0;
  // The chunk found last, and the walk behind it.
  Chunk last_;
  ChunkWalk next_;
  bool has_last_ = false;
};

}  // namespace instar::dmg
