// Which clusters of a file are used: one bit for each, for as many as memory
// allows. What lies behind them is done in a further pass over the references.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace instar {

class UsedClusters {
 public:
  // More passes than this are refused: an image that needs them is damaged, or
  // was made to cost time.
  static constexpr uint64_t kMaxPasses = 64;

  // Room for `num_clusters`, or for as many as fit into half of what `arena`
  // has left. The first pass begins with cluster 0. Errors: kNoMemory.
  static Result<UsedClusters> Create(Arena& arena, uint64_t num_clusters);

  // Marks a cluster. Returns whether it was marked before; false for clusters
  // that are not this pass's.
  bool Mark(uint64_t cluster);

  // Clusters that were marked, in all passes.
  uint64_t marked() const { return marked_; }
  bool is_first_pass() const { return pass_ == 1; }

  // Prepares the next pass, over clusters that this one met and had no room
  // for; false: there are none. Errors: kNoMemory, after kMaxPasses.
  Result<bool> NextPass();

 private:
  static constexpr uint64_t kNone = ~uint64_t{0};

  MutableBytes bits_;
  uint64_t first_ = 0;     // cluster of the first bit
  uint64_t next_ = kNone;  // lowest cluster met behind the last bit
  uint64_t marked_ = 0;
  uint64_t pass_ = 1;
};

}  // namespace instar
