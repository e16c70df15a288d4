// Unpacking of compressed clusters, on every vCPU.
#pragma once

#include <cstdint>

#include "guest/rt/requests.h"
#include "guest/rt/workers.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/codec/unpacker.h"
#include "lib/format/image.h"

namespace instar::guest {

// One cluster to unpack. `out` receives the bytes from `skip` on.
struct UnpackJob {
  Task task;
  class Unpacking* unpacking = nullptr;
  UnpackJob* next = nullptr;  // in the list of free or of running jobs
  const Image* image = nullptr;
  ByteView packed;
  MutableBytes out;
  uint64_t skip = 0;
  uint64_t cluster_bytes = 0;  // of the unpacked cluster
  uint64_t item = 0;           // the chunk that waits for it
  bool failed = false;
  Error error;
};

class Unpacking {
 public:
  // The longest cluster that every vCPU has room for; LongCluster takes care of
  // longer ones.
  static constexpr uint64_t kMaxSharedBytes = 2 << 20;

  // `max_cluster_bytes`: of all images that will be read. Working memory is
  // cut from `arena` when the first job comes.
  Unpacking(Arena& arena, uint64_t max_cluster_bytes, uint32_t num_vcpus)
      : arena_(&arena),
        max_cluster_bytes_(max_cluster_bytes),
        num_vcpus_(num_vcpus) {}

  // An unused job; null: all are busy. Errors: kNoMemory.
  Result<UnpackJob*> Take();
  // Starts it: its bytes are there.
  void Push(UnpackJob& job);
  // A job that is done, or null. The caller gives it back with Return.
  UnpackJob* NextDone();
  void Return(UnpackJob& job);
  // Unpacks a cluster at once, on the vCPU that calls, which is the first.
  // Errors: kNoMemory, kCompressedData.
  Status UnpackHere(const Image& image, ByteView packed, MutableBytes out);
  bool HasRunning() const { return num_running_ != 0; }

  // Returns when a completion has come, or a job may have ended. `collect`
  // takes the jobs that are done and says whether there were any. Jobs are
  // waited for by running them.
  template <typename Collect>
  void Wait(Requests& requests, Collect collect) {
    Workers::Get().WaitFor(requests, HasRunning(), collect);
  }

 private:
  static constexpr uint64_t kMaxJobs = 256;

  Status Prepare();
  static void RunJob(Task& task, uint64_t worker);

  Arena* arena_;
  uint64_t max_cluster_bytes_;
  uint32_t num_vcpus_;
  bool ready_ = false;
  codec::Unpacker* unpackers_[abi::kMaxVcpus] = {};
  MutableBytes clusters_[abi::kMaxVcpus];  // for clusters wanted in part
  UnpackJob* free_ = nullptr;
  UnpackJob* running_[kMaxJobs] = {};  // pushed, not yet returned
  uint64_t num_running_ = 0;
};

}  // namespace instar::guest
