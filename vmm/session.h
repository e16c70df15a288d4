// One run of a guest: its vCPUs, what they asked for and have not been
// answered yet, and how it ended. Each vCPU has a host thread; vCPU 0's is the
// one that called Run.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vmm/io_pool.h"
#include "vmm/jail.h"
#include "vmm/ring.h"
#include "vmm/run.h"

namespace instar::vmm {

class Session {
 public:
  // All outlive the session.
  Session(Jail& jail, const GuestMemory& memory, uint64_t entry, Files& files,
          const Limits& limits, Events& events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Runs vCPU 0 on this thread until the guest is at its end. Called once.
  Outcome Run();

 private:
  struct VcpuState {
    HostRing ring;         // guarded by mutex_, but for Take
    Vcpu* vcpu = nullptr;  // while it runs; guarded by mutex_
    bool started = false;  // guarded by mutex_
    // The event that it sleeps on; nothing while it runs. Guarded by mutex_.
    std::optional<uint32_t> asleep;
    std::condition_variable wake;  // its event changed, or the run ended
    pthread_t thread = {};
    std::vector<abi::Request> batch;  // of its own thread only
    std::vector<IoTask> tasks;        // likewise
  };
  struct ThreadArgument {
    Session* session;
    uint32_t index;
  };
  // A frame of another vCPU, for the thread that called Run.
  struct Message {
    uint32_t vcpu;
    abi::Request request;
  };

  static void* ThreadMain(void* argument);
  void RunVcpu(uint32_t index);
  void Loop(uint32_t index, Vcpu& vcpu);
  // A doorbell: takes what is new and answers it or hands it on.
  void Serve(uint32_t index, uint32_t doorbell);
  void Dispatch(uint32_t index);
  // Answers a request that is no file call; nothing: it will be answered
  // later.
  std::optional<int64_t> Answer(uint32_t index, const abi::Request& request);
  int64_t OpenReference(const abi::Request& request);
  int64_t StoreSlotInfo(uint32_t slot, abi::GuestAddress buffer);
  int64_t StartVcpu(uint32_t index);
  std::optional<int64_t> TakeMessage(uint32_t index,
                                     const abi::Request& request);
  int64_t Deliver(const abi::Request& request);
  void DeliverWaiting();
  void RunFileCalls(uint32_t index, bool sleeps);
  void Complete(uint32_t index, uint64_t tag, int64_t result);
  void Wake(uint32_t index);
  void BumpEvent(uint32_t index);  // REQUIRES: mutex_
  void WakeGuest(uint32_t index);  // process jail: after BumpEvent
  // KVM: the guest is stopped until its event changes.
  void AwaitEvent(uint32_t index);
  void NoteSleep(uint32_t index, uint32_t observed);
  bool EverybodySleeps() const;  // REQUIRES: mutex_
  void Finish(uint32_t index, bool success);
  void CheckStall();
  void Touch();

  void Break(const std::string& rule);
  void End(Verdict verdict, bool success, const std::string& detail);
  bool ended() const { return ended_.load(); }

  Jail& jail_;
  const GuestMemory& memory_;
  const uint64_t entry_;
  Files& files_;
  const Limits& limits_;
  Events& events_;

  std::mutex mutex_;
  std::mutex files_mutex_;  // opening and locking
  VcpuState vcpus_[abi::kMaxVcpus];
  ThreadArgument arguments_[abi::kMaxVcpus];
  uint64_t in_flight_ = 0;        // taken and not answered; guarded by mutex_
  std::deque<Message> messages_;  // guarded by mutex_
  std::optional<abi::Request> progress_;    // of other vCPUs; mutex_
  uint64_t findings_bytes_ = 0;             // thread of Run only
  std::atomic<int64_t> last_activity_ = 0;  // milliseconds, CLOCK_MONOTONIC
  std::atomic<bool> ended_ = false;
  Outcome outcome_;  // guarded by mutex_ until ended_
  IoPool pool_;      // last: its threads use what is above
};

}  // namespace instar::vmm
