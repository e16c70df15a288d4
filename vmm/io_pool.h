// Threads that execute file calls while the guest runs on. None is started
// before there is work for it.
#pragma once

#include <pthread.h>

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
  // Queues the tasks and sees that up to `threads` threads work on them.
  void Submit(const std::vector<IoTask>& tasks, uint64_t threads);
  // Executes one waiting task on this thread; false: there is none.
  bool RunOne();

 private:
  static void* Main(void* self);
  void Work();

  const uint32_t max_threads_;
  const std::function<void(const IoTask&)> run_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<IoTask> waiting_;      // guarded by mutex_
  std::vector<pthread_t> threads_;  // guarded by mutex_
  bool stop_ = false;               // guarded by mutex_
};

}  // namespace instar::vmm
