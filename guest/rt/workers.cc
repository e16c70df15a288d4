#include "guest/rt/workers.h"

#include "guest/rt/context.h"
#include "guest/rt/requests.h"

namespace instar::guest {
namespace {

Workers workers;

// Fire and forget: nobody looks at these results.
Ticket ignored[abi::kMaxVcpus];

void Send(abi::Call call, uint64_t vcpu) {
  const uint64_t self = CurrentVcpu();
  Requests::Of(self).Submit({.call = call, .offset = vcpu}, ignored[self]);
}

// How often a worker looks for a task before it parks: parking and waking
// costs two exits.
constexpr int kSpins = 4000;

}  // namespace

Workers& Workers::Get() {
  return workers;
}

void Workers::Enable(uint32_t num_vcpus) {
  num_vcpus_ = num_vcpus < abi::kMaxVcpus ? num_vcpus : abi::kMaxVcpus;
}

void Workers::Lock() {
  while (__atomic_exchange_n(&lock_, 1U, __ATOMIC_ACQUIRE) != 0) {
    __builtin_ia32_pause();
  }
}

void Workers::Unlock() {
  __atomic_store_n(&lock_, 0U, __ATOMIC_RELEASE);
}

void Workers::Push(Task& task) {
  task.done = 0;
  task.next = nullptr;
  Lock();
  if (first_ == nullptr) {
    __atomic_store_n(&first_, &task, __ATOMIC_SEQ_CST);
  } else {
    last_->next = &task;
  }
  last_ = &task;
  Unlock();
  if (started_ < num_vcpus_) {
    Send(abi::Call::kStart, started_);
    ++started_;
    return;
  }
  for (uint64_t vcpu = 1; vcpu < num_vcpus_; ++vcpu) {
    if (__atomic_exchange_n(&parked_[vcpu], 0U, __ATOMIC_SEQ_CST) != 0) {
      Send(abi::Call::kWake, vcpu);
      return;
    }
  }
}

Task* Workers::Take() {
  if (__atomic_load_n(&first_, __ATOMIC_SEQ_CST) == nullptr) {
    return nullptr;
  }
  Lock();
  Task* task = first_;
  if (task != nullptr) {
    __atomic_store_n(&first_, task->next, __ATOMIC_SEQ_CST);
  }
  Unlock();
  return task;
}

bool Workers::RunOne(uint64_t worker) {
  Task* task = Take();
  if (task == nullptr) {
    return false;
  }
  task->run(*task, worker);
  __atomic_store_n(&task->done, 1U, __ATOMIC_SEQ_CST);
  return true;
}

void Workers::AwaitTask() {
  __atomic_store_n(&main_waits_, 1U, __ATOMIC_SEQ_CST);
}

void Workers::StopAwaiting() {
  __atomic_store_n(&main_waits_, 0U, __ATOMIC_SEQ_CST);
}

void Workers::Work(uint64_t vcpu) {
  Requests& requests = Requests::Of(vcpu);
  int idle = 0;
  for (;;) {
    if (RunOne(vcpu)) {
      idle = 0;
      if (__atomic_exchange_n(&main_waits_, 0U, __ATOMIC_SEQ_CST) != 0) {
        Send(abi::Call::kWake, 0);
        requests.Kick();
      }
      continue;
    }
    requests.Poll();
    if (++idle < kSpins) {
      __builtin_ia32_pause();
      continue;
    }
    const uint32_t seen = requests.event();
    __atomic_store_n(&parked_[vcpu], 1U, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&first_, __ATOMIC_SEQ_CST) == nullptr) {
      requests.Sleep(seen);
    }
    __atomic_store_n(&parked_[vcpu], 0U, __ATOMIC_SEQ_CST);
    idle = 0;
  }
}

void RunWorker(uint64_t vcpu) {
  workers.Work(vcpu);
}

}  // namespace instar::guest
