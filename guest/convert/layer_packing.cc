#include "guest/convert/layer_packing.h"

#include <cstddef>

#include "guest/convert/differing.h"
#include "lib/base/checked.h"

namespace instar::guest {

Result<LayerPacker*> LayerPacker::Create(Arena& arena, const Target& target,
                                         uint32_t num_vcpus) {
  // A target that cannot have packed clusters says so when it is to store one.
  const Result<PackRules> rules = target.Packing();
  const codec::PackMethod method =
      rules.ok() ? rules.value().method : codec::PackMethod::kDeflate;
  LayerPacker* packer = TRY(arena.New<LayerPacker>(target));
  for (uint32_t i = 0; i < num_vcpus; ++i) {
    packer->packers_[i] =
        TRY(codec::Packer::Create(arena, method, target.cluster_size()));
  }
  Workers::Get().Enable(num_vcpus);
  return packer;
}

void LayerPacker::Push(PackedPiece& piece) {
  piece.packer = this;
  piece.task = {.run = &RunJob};
  Workers::Get().Push(piece.task);
}

// Packed clusters are whole; behind the end of the disk there are zeroes.
uint32_t LayerPacker::Pack(const PackedPiece& piece, uint64_t at,
                           MutableBytes out, uint64_t worker) const {
  const uint64_t step = piece.StepAt(at);
  const uint64_t start = piece.position + at;
  const bool is_whole =
      step == cluster_bytes() ||
      ((start & (cluster_bytes() - 1)) == 0 && start + step == disk_bytes_);
  if (!is_whole) {
    return PackedPiece::kPlain;
  }
  const MutableBytes cluster = piece.data.Slice(at, cluster_bytes()).value();
  cluster.Slice(step, cluster_bytes() - step).value().Fill(0);
  // What grows smaller by nothing is not worth unpacking.
  const MutableBytes room = out.Prefix(Min(out.size(), cluster_bytes() - 1));
  return static_cast<uint32_t>(packers_[worker]->Pack(cluster.view(), room));
}

void LayerPacker::RunJob(Task& task, uint64_t worker) {
  static_assert(offsetof(PackedPiece, task) == 0);
  auto& piece = reinterpret_cast<PackedPiece&>(task);
  MutableBytes out = piece.out;
  uint32_t* cluster = piece.clusters;
  for (uint64_t at = 0; at < piece.length; ++cluster) {
    const uint64_t step = piece.StepAt(at);
    *cluster = PackedPiece::kSame;
    if (Differs(piece.data.view(), piece.compared, at, step)) {
      *cluster = piece.packer->Pack(piece, at, out, worker);
      out = out.Slice(*cluster, out.size() - *cluster).value();
    }
    at += step;
  }
}

}  // namespace instar::guest
