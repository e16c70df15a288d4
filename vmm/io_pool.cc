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

void IoPool::Submit(const std::vector<IoTask>& tasks) {
  bool has_threads = false;
  {
    const std::lock_guard lock(mutex_);
    waiting_.insert(waiting_.end(), tasks.begin(), tasks.end());
    while (threads_.size() < max_threads_ &&
           threads_.size() < waiting_.size() + num_busy_) {
      pthread_t thread;
      if (!StartThread(&thread, Main, this)) {
        break;
      }
      threads_.push_back(thread);
    }
    has_threads = !threads_.empty();
  }
  while (!has_threads && RunOne()) {
  }
  if (tasks.size() == 1) {
    work_.notify_one();
  } else {
    work_.notify_all();
  }
}

std::deque<IoTask>::iterator IoPool::Next() {
  auto first = waiting_.end();
  for (auto task = waiting_.begin(); task != waiting_.end(); ++task) {
    if (task->holds_file && !held_[task->request.slot]) {
      return task;
    }
    if (!task->holds_file && first == waiting_.end()) {
      first = task;
    }
  }
  return first;
}

bool IoPool::RunOne() {
  IoTask task;
  {
    const std::lock_guard lock(mutex_);
    const auto next = Next();
    if (next == waiting_.end()) {
      return false;
    }
    task = *next;
    waiting_.erase(next);
    ++num_busy_;
    if (task.holds_file) {
      held_[task.request.slot] = true;
    }
  }
  run_(task);
  bool frees = false;
  {
    const std::lock_guard lock(mutex_);
    --num_busy_;
    if (task.holds_file) {
      held_[task.request.slot] = false;
      frees = !waiting_.empty();
    }
  }
  if (frees) {
    work_.notify_one();
  }
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
      work_.wait(lock, [this] { return stop_ || Next() != waiting_.end(); });
      if (stop_) {
        return;
      }
    }
    RunOne();
  }
}

}  // namespace instar::vmm
