// Cuts the sources of a convert into chunks: runs of one kind, in order, with
// qemu-img's ends.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar::convert {

enum class ChunkKind : uint8_t {
  kData,
  kZero,
  kBacking,  // the target's backing file decides; nothing is written
};

struct Chunk {
  Image* source = nullptr;
  uint64_t source_offset = 0;  // bytes within the source
  uint64_t position = 0;       // bytes within the target
  uint64_t length = 0;         // bytes, a multiple of 512
  ChunkKind kind = ChunkKind::kData;
};

struct PlanOptions {
  bool target_has_backing = false;
  // Where the target's backing file ends, in sectors; zeroes behind it need
  // not be written. -1: not known.
  int64_t target_backing_sectors = -1;
  // A data chunk is no longer than the buffer.
  uint64_t buffer_sectors = 4096;
  // -S 0: zeroes are data.
  bool zeroes_are_data = false;
  // -c: chunks are whole clusters of so many sectors, but for the last. 0: no.
  uint64_t cluster_sectors = 0;
  // Of the only source no more than [part_offset, +part_length), which need not
  // be whole sectors; all of it is data.
  bool has_part = false;
  uint64_t part_offset = 0;
  uint64_t part_length = 0;
};

class Planner {
 public:
  // The sources make up the target one after the other. Both outlive the
  // planner.
  Planner(std::span<Image* const> sources, const PlanOptions& options);

  uint64_t total_bytes() const { return total_sectors_ * 512; }
  bool AtEnd() const { return sector_ == total_sectors_; }

  // Where the target's byte `position` comes from: the image, and its offset
  // there. REQUIRES: position < total_bytes().
  struct Origin {
    Image* source = nullptr;
    uint64_t offset = 0;
    // Bytes of the source from there on, in whole sectors; of a part: bytes of
    // it, and what lies behind its end is zero.
    uint64_t left = 0;
  };
  Origin OriginOf(uint64_t position) const;

  // The next chunk, directly behind the last. After an error: failed_source()
  // is the image that could not say what it holds.
  // REQUIRES: !AtEnd().
  Result<Chunk> Next();
  // Whether qemu-img takes the chunk for data when it shows progress: it does
  // so where zeroes make no whole cluster, too.
  bool CountsAsData(const Chunk& chunk) const;
  const Image* failed_source() const { return sources_[current_]; }
  uint64_t failed_offset() const { return (sector_ - current_start_) * 512; }

 private:
  Status FindRun(uint64_t want);
  Chunk WholeClusters(Chunk chunk) const;
  Chunk NextOfPart();

  std::span<Image* const> sources_;
  PlanOptions options_;
  uint64_t total_sectors_ = 0;
  uint64_t sector_ = 0;         // of the target: the next chunk's first
  uint64_t current_ = 0;        // source that holds it
  uint64_t current_start_ = 0;  // that source's first sector in the target
  // The run of one kind around sector_.
  uint64_t run_end_ = 0;
  ChunkKind run_kind_ = ChunkKind::kData;
};

}  // namespace instar::convert
