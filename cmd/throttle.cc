#include "cmd/throttle.h"

#include <algorithm>
#include <thread>

namespace instar::cmd {
namespace {

constexpr uint32_t kThrottledStallSeconds = 24 * 3600;

}  // namespace

Throttle::Throttle(uint64_t bytes_per_second)
    : bytes_per_second_(bytes_per_second),
      start_(std::chrono::steady_clock::now()) {}

void Throttle::Wait(uint64_t bytes) const {
  if (bytes_per_second_ == 0)
    return;
  const std::chrono::duration<double> due(
      static_cast<double>(bytes) / static_cast<double>(bytes_per_second_));
  std::this_thread::sleep_until(
      start_ +
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(due));
}

void AllowThrottling(uint64_t bytes_per_second, vmm::Limits& limits) {
  if (bytes_per_second != 0)
    limits.stall_seconds =
        std::max(limits.stall_seconds, kThrottledStallSeconds);
}

uint64_t WrittenBytes(const vmm::Files& files) {
  uint64_t bytes = 0;
  for (uint32_t slot = 0; slot < files.size(); ++slot) {
    const abi::SlotInfo info = files.info(slot);
    if ((info.flags & abi::kSlotWritable) != 0)
      bytes += info.allocated_bytes;
  }
  return bytes;
}

}  // namespace instar::cmd
