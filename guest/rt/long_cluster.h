// A compressed cluster too long for the pipeline's buffers. It is unpacked
// whole, once, and handed out piece by piece.
#pragma once

#include <cstdint>

#include "guest/rt/unpacking.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar::guest {

class LongCluster {
 public:
  // `max_cluster_bytes`: of all images that will be read. Memory is cut from
  // `arena` when the first cluster comes.
  LongCluster(Arena& arena, Unpacking& unpacking, uint64_t max_cluster_bytes)
      : arena_(&arena),
        unpacking_(&unpacking),
        max_cluster_bytes_(max_cluster_bytes) {}

  // Whether the cluster behind `extent` is one.
  static bool Is(const Extent& extent) {
    return extent.cluster_bytes > Unpacking::kMaxSharedBytes ||
           extent.stored_bytes > kMaxSharedStoredBytes;
  }

  // Fills `out` with the extent's bytes; waits for the file where it must.
  // Errors: kErrno, kNoMemory, kCompressedData.
  Status Read(const Extent& extent, const Image& owner, MutableBytes out);

 private:
  static constexpr uint64_t kMaxSharedStoredBytes = 4 << 20;
  // The longest that a format allows (cloop).
  static constexpr uint64_t kMaxStoredBytes = 128 << 20;

  Status Prepare();
  Status Load(const Extent& extent, const Image& owner);

  Arena* arena_;
  Unpacking* unpacking_;
  uint64_t max_cluster_bytes_;
  MutableBytes stored_;
  MutableBytes cluster_;
  // What cluster_ holds; null: nothing.
  const Image* owner_ = nullptr;
  uint64_t host_offset_ = 0;
  uint64_t stored_bytes_ = 0;
  uint64_t cluster_bytes_ = 0;
};

}  // namespace instar::guest
