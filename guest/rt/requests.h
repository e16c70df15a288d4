// The guest's end of the ring: requests go out in batches, completions come
// back in any order. One Requests a vCPU; only that vCPU touches it.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "proto/abi.h"

namespace instar::guest {

// One request on its way. It lives with whoever waits for it, until it is done.
struct Ticket {
  int64_t result = 0;  // as abi::Call says; valid once done
  bool done = true;    // false while the request is on its way
  // Called when the completion is consumed, if set.
  void (*on_done)(Ticket& ticket) = nullptr;
  void* owner = nullptr;
};

class Requests {
 public:
  // The ring of this vCPU.
  static Requests& Of(uint64_t vcpu);

  // Requests that may still be queued without waiting.
  uint32_t room() const;
  uint32_t outstanding() const { return submitted_ - consumed_; }
  // Submitted since the host was last told.
  uint32_t unannounced() const { return submitted_ - announced_; }

  // Queues `request` (its tag is set here); the host need not see it before
  // Kick or Sleep. Waits for room if there is none.
  void Submit(abi::Request request, Ticket& ticket);

  // Tells the host that requests are there.
  void Kick();

  // Consumes the completions that are there; false: there were none.
  bool Poll();

  // The value to hand to Sleep: take it, look whether there is work, then
  // sleep.
  uint32_t event() const;
  // Tells the host about new requests and stops until event() changes.
  void Sleep(uint32_t observed_event);

  // Returns when `ticket` is done. Others may be consumed too.
  void Await(const Ticket& ticket);

  // Submits, and waits until that one is done. Others may be consumed too.
  int64_t Call(abi::Request request);

 private:
  void Ring(abi::Doorbell value);

  uint64_t vcpu_ = 0;
  uint32_t submitted_ = 0;
  uint32_t announced_ = 0;
  uint32_t consumed_ = 0;
};

// A guest pointer as the host wants it.
inline abi::GuestAddress AddressOf(const void* pointer) {
  return static_cast<abi::GuestAddress>(reinterpret_cast<uint64_t>(pointer));
}

}  // namespace instar::guest
