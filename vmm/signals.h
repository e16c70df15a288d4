// The two signals that the host uses on itself while a guest runs.
#pragma once

#include <cstdint>
#include <ctime>

namespace instar::vmm {

// Interrupts KVM_RUN; its handler does nothing.
int KickSignal();

// While it lives, the calling thread gets KickSignal() from time to time, so
// that an endless loop of the guest does not keep the host from looking at the
// clock.
class Ticker {
 public:
  Ticker();
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  timer_t timer_ = nullptr;
  bool exists_ = false;
};

// Milliseconds between two ticks, and of each slice of a wait.
inline constexpr int64_t kTickMilliseconds = 250;

}  // namespace instar::vmm
