// What of an overlay goes to an image below it, in the pieces of qemu-img's
// mirror: they decide what becomes data and what zeroes there.
#pragma once

#include <cstdint>

#include "guest/convert/layer_move.h"
#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar::guest {

class CommitPlan final : public LayerPlan {
 public:
  // REQUIRES: `base` is below `top`.
  CommitPlan(Image& top, const Image& base);

  Result<LayerWork> Next() override;
  uint64_t position() const override { return position_; }

 private:
  // Whether a layer above the base has any of the bytes of the chunk.
  Result<bool> HasBytes(uint64_t chunk);
  // Finds the next chunks that have, which become the batch. False: none.
  Result<bool> FindBatch();
  // Makes a part of the batch, from position_ on, the one that is cut up.
  Status FindPart();
  Result<LayerWork> NextOfPart();

  Image* top_;
  const Image* base_;
  uint64_t size_;
  uint64_t base_cluster_;  // bytes; 1: it has none
  uint64_t chunk_bytes_;
  // Bytes that come from the base itself stay where they are.
  bool skips_base_;

  uint64_t position_ = 0;
  uint64_t batch_end_ = 0;
  uint64_t part_end_ = 0;
  LayerWork::Kind part_kind_ = LayerWork::Kind::kCopy;
  // What the layers above the base say of a run.
  uint64_t run_start_ = 0;
  uint64_t run_end_ = 0;
  bool run_has_bytes_ = false;
};

}  // namespace instar::guest
