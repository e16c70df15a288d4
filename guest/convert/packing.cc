#include "guest/convert/packing.h"

#include <cstddef>

#include "lib/convert/split.h"

namespace instar::guest {

Result<Packing*> ClusterPacking::Create(Arena& arena, const PackRules& rules,
                                        uint64_t cluster_bytes,
                                        bool zeroes_are_data,
                                        uint32_t num_vcpus) {
  ClusterPacking* packing =
      TRY(arena.New<ClusterPacking>(rules, cluster_bytes, zeroes_are_data));
  for (uint32_t i = 0; i < num_vcpus; ++i) {
    packing->packers_[i] =
        TRY(codec::Packer::Create(arena, rules.method, cluster_bytes));
  }
  Workers::Get().Enable(num_vcpus);
  return static_cast<Packing*>(packing);
}

void ClusterPacking::Push(PackJob& job) {
  job.packing = this;
  job.is_zero = false;
  job.packed_bytes = 0;
  job.task = {.run = &RunJob};
  Workers::Get().Push(job.task);
}

// A result that is no smaller than the cluster is not worth unpacking; some
// formats know no other data all the same.
void ClusterPacking::RunJob(Task& task, uint64_t worker) {
  static_assert(offsetof(PackJob, task) == 0);
  auto& job = reinterpret_cast<PackJob&>(task);
  const ClusterPacking& packing = *job.packing;
  job.is_zero = !packing.zeroes_are_data_ && convert::IsZero(job.plain);
  if (!job.is_zero) {
    const MutableBytes room =
        packing.rules_.always ? job.out : job.out.Prefix(job.plain.size() - 1);
    job.packed_bytes = packing.packers_[worker]->Pack(job.plain, room);
  }
}

}  // namespace instar::guest
