// Threads that execute file calls while the guest runs on. None is started
// before there is work for it.
#pragma once

#include <pthread.h>

#include <bitset>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "proto/abi.h"

namespace instar::vmm {

struct IoTask {
  uint32_t vcpu = 0;  // that asked
  abi::Request request = {};
  // A buffered write holds its file's lock in the kernel: a second thread
  // would only wait for it. Such tasks of one slot run one after the other.
  bool holds_file = false;
};

class IoPool {
 public:
  // `run` executes a task, on any thread.
  IoPool(uint32_t max_threads, std::function<void(const IoTask&)> run)
      : max_threads_(max_threads), run_(std::move(run)) {}
  // Finishes the tasks that run; those that wait are dropped.
  ~IoPool();
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  uint32_t max_threads() const { return max_threads_; }
  // Queues the tasks for the threads, which are started as tasks need them.
  // Where none can be started they are executed here and now.
  void Submit(const std::vector<IoTask>& tasks);
  // Executes one waiting task on this thread; false: there is none that may
  // run now.
  bool RunOne();

 private:
  static void* Main(void* self);
  void Work();
  // The waiting task to run next: one that holds its file, because what is
  // written makes room for what can be read; else the first that may run.
  // waiting_.end(): none may.
  std::deque<IoTask>::iterator Next();

  const uint32_t max_threads_;
  const std::function<void(const IoTask&)> run_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<IoTask> waiting_;        // guarded by mutex_
  uint64_t num_busy_ = 0;             // that execute one; guarded by mutex_
  std::bitset<abi::kMaxSlots> held_;  // files; guarded by mutex_
  std::vector<pthread_t> threads_;    // guarded by mutex_
  bool stop_ = false;                 // guarded by mutex_
};

}  // namespace instar::vmm
