#include "vmm/io_pool.h"

#include "vmm/thread.h"

namespace instar::vmm {

IoPool::~IoPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    waiting_.clear();
  }
  work_.notify_all();
  for (const pthread_t thread : threads_) {
    pthread_join(thread, nullptr);
  }
}

void IoPool::Submit(const std::vector<IoTask>& tasks, uint64_t threads) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.insert(waiting_.end(), tasks.begin(), tasks.end());
    while (threads_.size() < max_threads_ && threads_.size() < threads) {
      pthread_t thread;
      // Without it the vCPU threads do the work.
      if (!StartThread(&thread, Main, this)) {
        break;
      }
      threads_.push_back(thread);
    }
  }
  if (tasks.size() == 1) {
    work_.notify_one();
  } else {
    work_.notify_all();
  }
}

bool IoPool::RunOne() {
  IoTask task;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      return false;
    }
    task = waiting_.front();
    waiting_.pop_front();
  }
  run_(task);
  return true;
}

void* IoPool::Main(void* self) {
  static_cast<IoPool*>(self)->Work();
  return nullptr;
}

void IoPool::Work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (stop_) {
        return;
      }
    }
    RunOne();
  }
}

}  // namespace instar::vmm
