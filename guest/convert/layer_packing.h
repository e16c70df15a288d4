// Comparing and packing the pieces of a move (rebase -c), each on some vCPU.
#pragma once

#include <cstdint>

#include "guest/rt/workers.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/codec/packer.h"
#include "lib/format/target.h"

namespace instar::guest {

// A piece of guest-visible bytes, cut where clusters begin.
struct PackedPiece {
  // What may stand in `clusters` besides the number of packed bytes.
  static constexpr uint32_t kSame = ~uint32_t{0};  // need not be stored
  static constexpr uint32_t kPlain = 0;            // stored as it is

  Task task;
  class LayerPacker* packer = nullptr;
  uint64_t position = 0;  // of the disk
  uint64_t length = 0;
  uint64_t cluster_bytes = 0;
  MutableBytes data;  // `length` bytes, and room up to the end of a cluster
  ByteView compared;  // `length` bytes, or empty, which is zeroes
  // What became of each cluster, in order; the packed ones lie in `out`, one
  // behind the other.
  MutableBytes out;
  uint32_t* clusters = nullptr;

  // How many bytes from `at` on belong to one cluster.
  uint64_t StepAt(uint64_t at) const {
    const uint64_t misfit = (position + at) & (cluster_bytes - 1);
    return Min(length - at, cluster_bytes - misfit);
  }
};

// An interface, so that only the guest that packs links what is behind it.
class LayerPacking {
 public:
  uint64_t cluster_bytes() const { return cluster_bytes_; }
  // Compares and packs `piece`, which is done when its task is.
  virtual void Push(PackedPiece& piece) = 0;

 protected:
  explicit LayerPacking(uint64_t cluster_bytes)
      : cluster_bytes_(cluster_bytes) {}
  ~LayerPacking() = default;

 private:
  uint64_t cluster_bytes_;
};

class LayerPacker final : public LayerPacking {
 public:
  // For clusters of `target`, on `num_vcpus`. Errors: kNoMemory.
  static Result<LayerPacker*> Create(Arena& arena, const Target& target,
                                     uint32_t num_vcpus);

  void Push(PackedPiece& piece) override;

 private:
  friend class instar::Arena;
  explicit LayerPacker(const Target& target)
      : LayerPacking(target.cluster_size()),
        disk_bytes_(target.virtual_size()) {}
  static void RunJob(Task& task, uint64_t worker);
  // How many bytes the cluster at `at` takes in `out`; kPlain: it stays.
  uint32_t Pack(const PackedPiece& piece, uint64_t at, MutableBytes out,
                uint64_t worker) const;

  uint64_t disk_bytes_;
  codec::Packer* packers_[abi::kMaxVcpus] = {};
};

}  // namespace instar::guest
