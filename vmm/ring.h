// The host's end of one vCPU's ring. The memory is shared with a hostile
// guest, so the counters that matter are kept here and only stored there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/abi.h"

namespace instar::vmm {

// Not thread-safe: Take is called by the vCPU's thread, the rest under the
// run's lock.
class HostRing {
 public:
  HostRing() = default;
  // REQUIRES: `ring` outlives this object.
  explicit HostRing(abi::Ring* ring) : ring_(ring) {}

  // What the guest waits for if it sleeps. Read it before Take.
  uint32_t ObservedEvent() const;

  // Whether the guest says that Take would find any. For the vCPU's thread.
  bool HasNew() const;

  // Copies the new requests out of shared memory, each once. Returns what rule
  // the guest broke, or an empty string.
  std::string Take(std::vector<abi::Request>* requests);

  // REQUIRES: answers a request that Take returned and that has no answer yet.
  void Post(uint64_t tag, int64_t result);
  void BumpEvent();
  uint32_t event() const { return event_; }
  uint32_t* event_word() const { return &ring_->event; }
  // Process jail: the guest says that it waits on event_word().
  bool GuestWaits() const;

 private:
  abi::Ring* ring_ = nullptr;
  uint32_t seen_ = 0;  // requests taken; all counters modulo 2^32
  uint32_t completed_ = 0;
  uint32_t event_ = 0;
};

}  // namespace instar::vmm
