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

// One cluster to pack.
struct PackJob {
  Task task;
  class Packing* packing = nullptr;
  MutableBytes out;           // as long as the cluster
  ByteView plain;             // the whole cluster; what is behind its end is 0
  bool is_zero = false;       // and not packed, unless zeroes are data
  uint64_t packed_bytes = 0;  // in `out`; 0: it grew smaller by nothing
};

class Packing {
 public:
  // For clusters of `cluster_bytes`. Errors: kNoMemory.
  static Result<Packing*> Create(Arena& arena, codec::MakePacker make_packer,
                                 const PackRules& rules, uint64_t cluster_bytes,
                                 bool zeroes_are_data, uint32_t num_vcpus);

  // Packs `job.plain` into `job.out` on some vCPU, or finds that it is zero.
  // REQUIRES: Workers::HasRoom().
  void Push(PackJob& job);

  uint64_t cluster_bytes() const { return cluster_bytes_; }
  const PackRules& rules() const { return rules_; }

 private:
  friend class instar::Arena;
  Packing(const PackRules& rules, uint64_t cluster_bytes, bool zeroes_are_data)
      : rules_(rules),
        cluster_bytes_(cluster_bytes),
        zeroes_are_data_(zeroes_are_data) {}
  static void RunJob(Task& task, uint64_t worker);

  PackRules rules_;
  uint64_t cluster_bytes_;
  bool zeroes_are_data_;
  codec::Packer* packers_[abi::kMaxVcpus] = {};
};

}  // namespace instar::guest
