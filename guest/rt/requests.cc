#include "guest/rt/requests.h"

#include "guest/rt/context.h"

namespace instar::guest {
namespace {

abi::Ring& RingOf(uint64_t vcpu) {
  return *reinterpret_cast<abi::Ring*>(abi::kGuestBase + abi::kRingOffset +
                                       vcpu * abi::kRingStride);
}

// Linux futex(2), the only system call of a guest in the process jail besides
// exiting. Shared memory: the host is at the other end.
constexpr uint64_t kSysFutex = 202;
constexpr uint64_t kFutexWait = 0;
constexpr uint64_t kFutexWake = 1;

void Futex(uint32_t* word, uint64_t operation, uint64_t value) {
  uint64_t result = kSysFutex;
  register uint64_t timeout asm("r10") = 0;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(word), "S"(operation), "d"(value), "r"(timeout)
               : "rcx", "r11", "memory");
}

Requests requests_of[abi::kMaxVcpus];

}  // namespace

Requests& Requests::Of(uint64_t vcpu) {
  INSTAR_CHECK(vcpu < abi::kMaxVcpus);
  requests_of[vcpu].vcpu_ = vcpu;
  return requests_of[vcpu];
}

uint32_t Requests::room() const {
  return abi::kRingEntries - outstanding();
}

void Requests::Submit(abi::Request request, Ticket& ticket) {
  while (room() == 0) {
    const uint32_t seen = event();
    if (!Poll()) {
      Sleep(seen);
    }
  }
  abi::Ring& ring = RingOf(vcpu_);
  ticket.done = false;
  request.tag = reinterpret_cast<uint64_t>(&ticket);
  ring.requests[submitted_ % abi::kRingEntries] = request;
  ++submitted_;
  __atomic_store_n(&ring.submitted, submitted_, __ATOMIC_RELEASE);
}

void Requests::Kick() {
  if (unannounced() != 0) {
    Ring(abi::kDoorbellKick);
  }
}

bool Requests::Poll() {
  abi::Ring& ring = RingOf(vcpu_);
  const uint32_t completed = __atomic_load_n(&ring.completed, __ATOMIC_ACQUIRE);
  if (completed == consumed_) {
    return false;
  }
  while (consumed_ != completed) {
    const abi::Completion completion =
        ring.completions[consumed_ % abi::kRingEntries];
    ++consumed_;
    __atomic_store_n(&ring.consumed, consumed_, __ATOMIC_RELEASE);
    auto* ticket = reinterpret_cast<Ticket*>(completion.tag);
    ticket->result = completion.result;
    ticket->done = true;
    if (ticket->on_done != nullptr) {
      ticket->on_done(*ticket);
    }
  }
  return true;
}

uint32_t Requests::event() const {
  return __atomic_load_n(&RingOf(vcpu_).event, __ATOMIC_SEQ_CST);
}

void Requests::Sleep(uint32_t observed_event) {
  abi::Ring& ring = RingOf(vcpu_);
  __atomic_store_n(&ring.observed_event, observed_event, __ATOMIC_SEQ_CST);
  Ring(abi::kDoorbellSleep);
}

void Requests::Ring(abi::Doorbell value) {
  announced_ = submitted_;
  abi::Ring& ring = RingOf(vcpu_);
  if (boot().jail == abi::Jail::kKvm) {
    *reinterpret_cast<volatile uint32_t*>(abi::kDoorbellAddress) = value;
    return;
  }
  const bool sleep = value == abi::kDoorbellSleep;
  __atomic_store_n(&ring.doorbell_value, value, __ATOMIC_SEQ_CST);
  if (sleep) {
    __atomic_store_n(&ring.sleeping, 1U, __ATOMIC_SEQ_CST);
  }
  __atomic_add_fetch(&ring.doorbell, 1U, __ATOMIC_SEQ_CST);
  Futex(&ring.doorbell, kFutexWake, 1);
  if (sleep) {
    while (event() == ring.observed_event) {
      Futex(&ring.event, kFutexWait, ring.observed_event);
    }
    __atomic_store_n(&ring.sleeping, 0U, __ATOMIC_SEQ_CST);
  }
}

void Requests::Await(const Ticket& ticket) {
  while (!ticket.done) {
    const uint32_t seen = event();
    if (!Poll()) {
      Sleep(seen);
    }
  }
}

int64_t Requests::Call(abi::Request request) {
  Ticket ticket;
  Submit(request, ticket);
  Await(ticket);
  return ticket.result;
}

}  // namespace instar::guest
