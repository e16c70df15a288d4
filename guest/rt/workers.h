// Work for more than one vCPU: vCPU 0 hands out tasks, the others and vCPU 0
// itself, when it has nothing better to do, run them.
//
// A task is a piece of pure computation of some tens of microseconds or more.
// It makes no requests. Tasks are taken in order and end in any order.
#pragma once

#include <cstdint>

#include "guest/rt/requests.h"
#include "proto/abi.h"

namespace instar::guest {

struct Task {
  // `worker` is the vCPU that runs it, for scratch memory of its own.
  void (*run)(Task& task, uint64_t worker) = nullptr;
  // Set, with release order, when run has returned.
  uint32_t done = 0;
  Task* next = nullptr;  // of the tasks that wait
};

// A vCPU other than 0, from start to end.
[[noreturn]] void RunWorker(uint64_t vcpu);

class Workers {
 public:
  // The pool of this run; vCPU 0 only, but for Work.
  static Workers& Get();

  // Tasks may be pushed from now on; the other vCPUs start with the first
  // push, `num_vcpus` in all.
  void Enable(uint32_t num_vcpus);
  uint32_t num_vcpus() const { return num_vcpus_; }

  // The task lives until it is done.
  void Push(Task& task);

  // Runs one task on this vCPU; false: none is waiting.
  bool RunOne(uint64_t worker);

  // Returns when a completion has come, or a task may have ended. `busy`: tasks
  // are running. `collect` takes what is done and says whether there was
  // anything. Tasks are waited for by running them.
  template <typename Collect>
  void WaitFor(Requests& requests, bool busy, Collect collect) {
    if (busy && requests.unannounced() != 0) {
      requests.Kick();
    }
    if (RunOne(0)) {
      return;
    }
    AwaitTask();
    const uint32_t seen = requests.event();
    if (!requests.Poll() && !collect()) {
      requests.Sleep(seen);
    }
    StopAwaiting();
  }

  // Says that vCPU 0 is about to sleep and wants to be woken by the next task
  // that ends. Call before reading event() and looking at the tasks.
  void AwaitTask();
  void StopAwaiting();

 private:
  friend void RunWorker(uint64_t vcpu);
  [[noreturn]] void Work(uint64_t vcpu);

  Task* Take();
  void Lock();
  void Unlock();

  uint32_t lock_ = 0;
  // Tasks that wait, in the order in which they are taken.
  Task* first_ = nullptr;
  Task* last_ = nullptr;  // where there is a first
  uint32_t num_vcpus_ = 1;
  uint32_t started_ = 1;
  uint32_t main_waits_ = 0;
  uint32_t parked_[abi::kMaxVcpus] = {};
};

inline uint32_t IsDone(const Task& task) {
  return __atomic_load_n(&task.done, __ATOMIC_ACQUIRE);
}

}  // namespace instar::guest
