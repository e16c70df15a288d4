// -r of convert and commit: waits until what was moved is no more than the rate
// allows.
#pragma once

#include <chrono>
#include <cstdint>

#include "vmm/files.h"
#include "vmm/run.h"

namespace instar::cmd {

class Throttle {
 public:
  // In bytes a second; 0: never waits.
  explicit Throttle(uint64_t bytes_per_second);

  // `bytes`: moved since the throttle was made.
  void Wait(uint64_t bytes) const;

 private:
  const uint64_t bytes_per_second_;
  const std::chrono::steady_clock::time_point start_;
};

// The guest waits while the throttle does: where there is one, a run without
// progress is not stuck for a long time.
void AllowThrottling(uint64_t bytes_per_second, vmm::Limits& limits);

// Bytes that the command's new output files occupy.
uint64_t WrittenBytes(const vmm::Files& files);

}  // namespace instar::cmd
