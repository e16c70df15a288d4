#include "vmm/ring.h"

#include <atomic>
#include <cstring>

namespace instar::vmm {

uint32_t HostRing::ObservedEvent() const {
  return std::atomic_ref(ring_->observed_event).load();
}

bool HostRing::GuestWaits() const {
  return std::atomic_ref(ring_->sleeping).load() != 0;
}

bool HostRing::HasNew() const {
  return std::atomic_ref(ring_->submitted).load() != seen_;
}

std::string HostRing::Take(std::vector<abi::Request>* requests) {
  // `submitted` first: the other two only grow, so that what a correct guest
  // does meanwhile can only look like more room than it had.
  const uint32_t submitted = std::atomic_ref(ring_->submitted).load();
  const uint32_t consumed = std::atomic_ref(ring_->consumed).load();
  const uint32_t completed = std::atomic_ref(completed_).load();
  if (submitted - seen_ > abi::kRingEntries) {
    return "submission counter out of range";
  }
  if (submitted - consumed > abi::kRingEntries ||
      submitted - completed > abi::kRingEntries) {
    return "too many requests outstanding";
  }
  for (; seen_ != submitted; ++seen_) {
    abi::Request request;
    std::memcpy(&request, &ring_->requests[seen_ % abi::kRingEntries],
                sizeof request);
    // Nothing below may be read from the shared bytes again.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    requests->push_back(request);
  }
  return "";
}

void HostRing::Post(uint64_t tag, int64_t result) {
  ring_->completions[completed_ % abi::kRingEntries] = {tag, result};
  const uint32_t completed = completed_ + 1;
  std::atomic_ref(completed_).store(completed);
  std::atomic_ref(ring_->completed).store(completed);
}

void HostRing::BumpEvent() {
  ++event_;
  std::atomic_ref(ring_->event).store(event_);
}

}  // namespace instar::vmm
