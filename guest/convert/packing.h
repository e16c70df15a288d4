// Packing of clusters (-c), on every vCPU.
#pragma once

#include <cstdint>

#include "guest/rt/workers.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/codec/packer.h"
#include "lib/format/target.h"

namespace instar::guest {

class Pipeline;

// One cluster to pack.
struct PackJob {
  Task task;
  class ClusterPacking* packing = nullptr;
  MutableBytes out;           // kRoom bytes longer than the cluster
  ByteView plain;             // the whole cluster; what is behind its end is 0
  bool is_zero = false;       // and not packed, unless zeroes are data
  uint64_t packed_bytes = 0;  // in `out`; 0: it grew smaller by nothing
};

// The stages of a pipeline that packs. An interface, so that only the guest
// that packs links what is behind it.
class Packing {
 public:
  uint64_t cluster_bytes() const { return cluster_bytes_; }

  // Cuts what the stages need from `arena`. Errors: kNoMemory.
  virtual Status Prepare(Pipeline& pipeline, Arena& arena) = 0;
  // Hands out the next chunk. False: its bytes are not all there, or there is
  // no room for more.
  virtual bool PackOne(Pipeline& pipeline) = 0;
  // Stores a chunk that is packed. False: no room for it now.
  virtual Result<bool> Write(Pipeline& pipeline, uint64_t sequence) = 0;

 protected:
  explicit Packing(uint64_t cluster_bytes) : cluster_bytes_(cluster_bytes) {}
  ~Packing() = default;

  uint64_t cluster_bytes_;
};

class ClusterPacking final : public Packing {
 public:
  // What packing adds to a cluster at most, prefix and padding included.
  static constexpr uint64_t kRoom = 1024;

  // For clusters of `cluster_bytes`. Errors: kNoMemory.
  static Result<Packing*> Create(Arena& arena, const PackRules& rules,
                                 uint64_t cluster_bytes, bool zeroes_are_data,
                                 uint32_t num_vcpus);

  Status Prepare(Pipeline& pipeline, Arena& arena) override;
  bool PackOne(Pipeline& pipeline) override;
  Result<bool> Write(Pipeline& pipeline, uint64_t sequence) override;

  // Packs `job.plain` into `job.out` on some vCPU, or finds that it is zero.
  void Push(PackJob& job);

  const PackRules& rules() const { return rules_; }

 private:
  friend class instar::Arena;
  ClusterPacking(const PackRules& rules, uint64_t cluster_bytes,
                 bool zeroes_are_data)
      : Packing(cluster_bytes),
        rules_(rules),
        zeroes_are_data_(zeroes_are_data) {}
  static void RunJob(Task& task, uint64_t worker);

  PackRules rules_;
  bool zeroes_are_data_;
  codec::Packer* packers_[abi::kMaxVcpus] = {};
};

// ClusterPacking::Create, for guests that need not link it.
using MakePacking = Result<Packing*> (*)(Arena& arena, const PackRules& rules,
                                         uint64_t cluster_bytes,
                                         bool zeroes_are_data,
                                         uint32_t num_vcpus);

}  // namespace instar::guest
