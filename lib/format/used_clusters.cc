#include "lib/format/used_clusters.h"

#include "lib/base/checked.h"

namespace instar {
namespace {

constexpr uint64_t kBitsPerByte = 8;
constexpr uint64_t kMinBytes = 4096;

}  // namespace

Result<UsedClusters> UsedClusters::Create(Arena& arena, uint64_t num_clusters) {
  const uint64_t wanted = DivRoundUp(num_clusters, kBitsPerByte);
  const uint64_t room = Max(arena.available() / 2, kMinBytes);
  UsedClusters used;
  used.bits_ = TRY(arena.AllocateZeroed(Min(wanted, room)));
  return used;
}

bool UsedClusters::Mark(uint64_t cluster) {
  if (cluster < first_) {
    return false;
  }
  const uint64_t bit = cluster - first_;
  const auto old = bits_.view().At<U8>(bit / kBitsPerByte);
  if (!old.ok()) {
    next_ = Min(next_, cluster);
    return false;
  }
  const auto mask = static_cast<uint8_t>(1U << bit % kBitsPerByte);
  if ((old.value() & mask) != 0) {
    return true;
  }
  const auto marked = static_cast<uint8_t>(old.value() | mask);
  INSTAR_CHECK(bits_.Put<U8>(bit / kBitsPerByte, marked).ok());
  ++marked_;
  return false;
}

Result<bool> UsedClusters::NextPass() {
  if (next_ == kNone) {
    return false;
  }
  if (pass_ == kMaxPasses || bits_.empty()) {
    return Error{.fault = Fault::kNoMemory, .value = next_};
  }
  ++pass_;
  first_ = next_;
  next_ = kNone;
  bits_.Fill(0);
  return true;
}

}  // namespace instar
