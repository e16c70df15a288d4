// Which bytes of an overlay a change of its backing file would change: in
// qemu-img's pieces, because they decide what becomes data and what zeroes.
#pragma once

#include <cstdint>

#include "guest/convert/layer_move.h"
#include "lib/base/result.h"
#include "lib/format/image.h"

namespace instar::guest {

struct RebaseRules {
  uint64_t unit = 512;  // what is stored at least, bytes, a power of two
  // Pieces are whole units, wherever the old backing file ends, and as far as
  // units are parts of them, whole clusters.
  bool whole_units = false;
  uint64_t cluster = 512;  // bytes, a power of two, at most kMaxBytes
};

class RebasePlan final : public LayerPlan {
 public:
  // `next`: the new backing file; null: there is none. One that is a layer
  // below `top` already says what lies above it alone.
  RebasePlan(Image& top, Image* next, const RebaseRules& rules);

  Result<LayerWork> Next() override;
  uint64_t position() const override { return position_; }

 private:
  // How many bytes from position_ on, of at most `length`, are the overlay's
  // own or the same below it; 0: they must be compared, `length` of them.
  Result<uint64_t> Unchanged(uint64_t& length);

  Image* top_;
  Image* next_;
  RebaseRules rules_;
  uint64_t size_;
  uint64_t old_size_;
  uint64_t next_size_;
  bool is_prefix_ = false;  // next_ is below top_
  uint64_t position_ = 0;
};

}  // namespace instar::guest
