#include "vmm/session.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "vmm/futex.h"
#include "vmm/io.h"
#include "vmm/narrow.h"
#include "vmm/request_check.h"
#include "vmm/signals.h"
#include "vmm/thread.h"

namespace instar::vmm {
namespace {

constexpr auto kTick = std::chrono::milliseconds(kTickMilliseconds);

int64_t NowMilliseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

VcpuStart StartOf(uint32_t index, uint64_t entry) {
  const uint64_t end =
      abi::kGuestBase + abi::kStackOffset + (index + 1) * abi::kStackStride;
  const uint64_t local = end - sizeof(abi::Local);
  // As after a call: 16-byte aligned, less 8.
  return {.index = index, .entry = entry, .stack = local - 8, .local = local};
}

}  // namespace

Session::Session(Jail& jail, const GuestMemory& memory, uint64_t entry,
                 Files& files, const Limits& limits, Events& events)
    : jail_(jail),
      memory_(memory),
      entry_(entry),
      files_(files),
      limits_(limits),
      events_(events),
      pool_(std::max(limits.io_workers, 1U) - 1, [this](const IoTask& task) {
        Complete(task.vcpu, task.request.tag,
                 ExecuteFileCall(task.request, files_, memory_));
      }) {
  for (uint32_t i = 0; i < limits.num_vcpus; ++i) {
    vcpus_[i].ring = HostRing(memory.ring(i));
    arguments_[i] = {this, i};
  }
  Touch();
}

Session::~Session() = default;

Outcome Session::Run() {
  vcpus_[0].started = true;
  RunVcpu(0);
  for (uint32_t i = 1; i < limits_.num_vcpus; ++i) {
    if (vcpus_[i].started) {
      pthread_join(vcpus_[i].thread, nullptr);
    }
  }
  if (outcome_.verdict == Verdict::kDone) {
    DeliverWaiting();
  }
  return outcome_;
}

void* Session::ThreadMain(void* argument) {
  const auto* self = static_cast<ThreadArgument*>(argument);
  self->session->RunVcpu(self->index);
  return nullptr;
}

void Session::RunVcpu(uint32_t index) {
  std::string error;
  const std::unique_ptr<Vcpu> vcpu =
      jail_.NewVcpu(StartOf(index, entry_), &error);
  if (vcpu == nullptr) {
    End(index == 0 ? Verdict::kNoJail : Verdict::kHostError, false, error);
    return;
  }
  if (index == 0 && limits_.narrow) {
    NarrowHost();
  }
  {
    const std::lock_guard lock(mutex_);
    vcpus_[index].vcpu = vcpu.get();
  }
  Loop(index, *vcpu);
  const std::lock_guard lock(mutex_);
  vcpus_[index].vcpu = nullptr;
}

void Session::Loop(uint32_t index, Vcpu& vcpu) {
  while (!ended()) {
    const VcpuExit exit = vcpu.Resume();
    if (index == 0) {
      DeliverWaiting();
    }
    switch (exit.kind) {
      case VcpuExit::Kind::kDoorbell:
        Serve(index, exit.doorbell);
        break;
      case VcpuExit::Kind::kInterrupted:
        CheckStall();
        break;
      case VcpuExit::Kind::kFault:
        Break(exit.detail);
        break;
      case VcpuExit::Kind::kUnusable:
        End(index == 0 ? Verdict::kNoJail : Verdict::kHostError, false,
            exit.detail);
        break;
    }
  }
}

void Session::Serve(uint32_t index, uint32_t doorbell) {
  VcpuState& self = vcpus_[index];
  if (doorbell != abi::kDoorbellKick && doorbell != abi::kDoorbellSleep) {
    return Break("unknown doorbell");
  }
  const bool sleeps = doorbell == abi::kDoorbellSleep;
  uint32_t observed = 0;
  // A guest that runs beside goes on asking while its calls are carried out.
  do {
    // Before Take: whatever was submitted before the guest chose to sleep on
    // this event is then seen.
    observed = self.ring.ObservedEvent();
    self.batch.clear();
    const std::string breach = self.ring.Take(&self.batch);
    if (!breach.empty()) {
      return Break(breach);
    }
    Touch();
    Dispatch(index);
    if (ended()) {
      return;
    }
    RunFileCalls(index, sleeps);
    if (index == 0) {
      DeliverWaiting();
    }
  } while (jail_.guest_runs_beside() && self.ring.HasNew() && !ended());
  if (!sleeps) {
    return;
  }
  NoteSleep(index, observed);
  if (!jail_.guest_runs_beside()) {
    AwaitEvent(index);
  }
}

void Session::Dispatch(uint32_t index) {
  VcpuState& self = vcpus_[index];
  {
    const std::lock_guard lock(mutex_);
    in_flight_ += self.batch.size();
    self.asleep.reset();
  }
  self.tasks.clear();
  bool answered = false;
  for (size_t i = 0; i < self.batch.size() && !ended(); ++i) {
    const abi::Request& request = self.batch[i];
    const std::string breach =
        CheckRequest(request, limits_.num_vcpus, files_, memory_);
    if (!breach.empty()) {
      return Break(breach);
    }
    if (IsFileCall(request.call)) {
      self.tasks.push_back({index, request, HoldsFile(request, files_)});
      continue;
    }
    if (request.call == abi::Call::kDone) {
      if (i + 1 != self.batch.size()) {
        return Break("request after the end");
      }
      RunFileCalls(index, true);
      return Finish(index, request.offset == 0);
    }
    const std::optional<int64_t> result = Answer(index, request);
    if (result.has_value()) {
      const std::lock_guard lock(mutex_);
      self.ring.Post(request.tag, *result);
      --in_flight_;
      answered = true;
    }
  }
  if (answered) {
    Wake(index);
  }
}

// Short ones, and one that nothing else waits beside, are done at once: an
// exit or a thread would cost more. The pool gets the others, and this thread
// takes its share of them while it has nothing else to do: a thread that works
// need not be woken.
void Session::RunFileCalls(uint32_t index, bool sleeps) {
  constexpr uint64_t kShortBytes = 256 << 10;
  std::vector<IoTask>& tasks = vcpus_[index].tasks;
  if (tasks.empty()) {
    return;
  }
  uint64_t bytes = 0;
  for (const IoTask& task : tasks) {
    bytes += std::min(task.request.length, kShortBytes);
  }
  bool alone = false;
  {
    const std::lock_guard lock(mutex_);
    alone = in_flight_ == 1;
  }
  const bool this_thread_waits = sleeps || jail_.guest_runs_beside();
  const bool at_once = pool_.max_threads() == 0 ||
                       (this_thread_waits && (alone || bytes < kShortBytes));
  if (!at_once) {
    pool_.Submit(tasks);
    tasks.clear();
    // What the guest asks for meanwhile goes to the pool before that runs dry.
    while (jail_.guest_runs_beside() && !ended() &&
           !vcpus_[index].ring.HasNew() && pool_.RunOne()) {
    }
    return;
  }
  for (const IoTask& task : tasks) {
    Complete(index, task.request.tag,
             ExecuteFileCall(task.request, files_, memory_));
  }
  tasks.clear();
}

void Session::Complete(uint32_t index, uint64_t tag, int64_t result) {
  Touch();
  {
    // In one step: a vCPU that goes to sleep in between must not look as if
    // nothing were on its way to it.
    const std::lock_guard lock(mutex_);
    vcpus_[index].ring.Post(tag, result);
    --in_flight_;
    BumpEvent(index);
  }
  WakeGuest(index);
}

void Session::Wake(uint32_t index) {
  {
    const std::lock_guard lock(mutex_);
    BumpEvent(index);
  }
  WakeGuest(index);
}

void Session::BumpEvent(uint32_t index) {
  vcpus_[index].ring.BumpEvent();
  vcpus_[index].wake.notify_one();
}

void Session::WakeGuest(uint32_t index) {
  const HostRing& ring = vcpus_[index].ring;
  if (jail_.guest_runs_beside() && ring.GuestWaits()) {
    FutexWake(ring.event_word());
  }
}

bool Session::EverybodySleeps() const {
  for (uint32_t i = 0; i < limits_.num_vcpus; ++i) {
    const VcpuState& vcpu = vcpus_[i];
    if (vcpu.started &&
        (!vcpu.asleep.has_value() || *vcpu.asleep != vcpu.ring.event())) {
      return false;
    }
  }
  return true;
}

void Session::NoteSleep(uint32_t index, uint32_t observed) {
  bool stuck = false;
  {
    const std::lock_guard lock(mutex_);
    vcpus_[index].asleep = observed;
    stuck = in_flight_ == 0 && EverybodySleeps();
  }
  if (stuck) {
    Break("sleep without end");
  }
}

void Session::AwaitEvent(uint32_t index) {
  VcpuState& self = vcpus_[index];
  std::unique_lock lock(mutex_);
  const auto runnable = [this, &self] {
    return ended() || *self.asleep != self.ring.event();
  };
  while (!runnable()) {
    lock.unlock();
    if (index == 0) {
      DeliverWaiting();
    }
    const bool worked = pool_.RunOne();
    lock.lock();
    if (worked || runnable() ||
        (index == 0 && (!messages_.empty() || progress_.has_value()))) {
      continue;
    }
    if (self.wake.wait_for(lock, kTick) == std::cv_status::timeout) {
      lock.unlock();
      CheckStall();
      lock.lock();
    }
  }
  self.asleep.reset();
}

void Session::Finish(uint32_t index, bool success) {
  VcpuState& self = vcpus_[index];
  std::unique_lock lock(mutex_);
  --in_flight_;
  // What is in flight ends before the end; frames of other vCPUs are
  // delivered after it.
  while (in_flight_ > messages_.size() && !ended()) {
    lock.unlock();
    const bool worked = pool_.RunOne();
    lock.lock();
    if (!worked && in_flight_ > messages_.size()) {
      self.wake.wait_for(lock, std::chrono::milliseconds(1));
    }
  }
  lock.unlock();
  End(Verdict::kDone, success, "");
}

void Session::Touch() {
  last_activity_.store(NowMilliseconds());
}

void Session::CheckStall() {
  {
    const std::lock_guard lock(mutex_);
    if (in_flight_ > messages_.size()) {
      return;  // the host is at work, not the guest
    }
  }
  const int64_t limit = int64_t{limits_.stall_seconds} * 1000;
  if (NowMilliseconds() - last_activity_.load() > limit) {
    End(Verdict::kStalled, false,
        "guest made no progress for " + std::to_string(limits_.stall_seconds) +
            " s");
  }
}

void Session::Break(const std::string& rule) {
  End(Verdict::kBrokeRule, false, "guest broke a rule: " + rule);
}

void Session::End(Verdict verdict, bool success, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  if (ended_.load()) {
    return;
  }
  outcome_ = {verdict, success, detail};
  ended_.store(true);
  for (VcpuState& vcpu : vcpus_) {
    if (vcpu.vcpu != nullptr) {
      vcpu.vcpu->Interrupt();
    }
    vcpu.wake.notify_all();
  }
}

}  // namespace instar::vmm
