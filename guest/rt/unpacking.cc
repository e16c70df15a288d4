#include "guest/rt/unpacking.h"

#include "lib/base/checked.h"

namespace instar::guest {

Status Unpacking::Prepare() {
  const uint64_t cluster_bytes = Min(max_cluster_bytes_, kMaxSharedBytes);
  for (uint32_t i = 0; i < num_vcpus_; ++i) {
    unpackers_[i] = TRY(codec::Unpacker::Create(*arena_));
    clusters_[i] = TRY(arena_->Allocate(cluster_bytes, 64));
  }
  UnpackJob* jobs = TRY(arena_->NewArray<UnpackJob>(kMaxJobs));
  for (uint64_t i = 0; i < kMaxJobs; ++i) {
    jobs[i].next = free_;
    free_ = &jobs[i];
  }
  Workers::Get().Enable(num_vcpus_);
  ready_ = true;
  return {};
}

Result<UnpackJob*> Unpacking::Take() {
  if (!ready_) {
    TRY(Prepare());
  }
  UnpackJob* job = free_;
  if (job != nullptr) {
    free_ = job->next;
    job->unpacking = this;
    job->failed = false;
  }
  return job;
}

void Unpacking::Push(UnpackJob& job) {
  running_[num_running_] = &job;
  ++num_running_;
  job.task.run = &RunJob;
  Workers::Get().Push(job.task);
}

UnpackJob* Unpacking::NextDone() {
  for (uint64_t i = 0; i < num_running_; ++i) {
    UnpackJob* job = running_[i];
    if (IsDone(job->task) != 0) {
      --num_running_;
      running_[i] = running_[num_running_];
      return job;
    }
  }
  return nullptr;
}

Status Unpacking::UnpackHere(const Image& image, ByteView packed,
                             MutableBytes out) {
  if (!ready_) {
    TRY(Prepare());
  }
  return image.Unpack(packed, out, *unpackers_[0]);
}

void Unpacking::Return(UnpackJob& job) {
  job.next = free_;
  free_ = &job;
}

void Unpacking::RunJob(Task& task, uint64_t worker) {
  static_assert(offsetof(UnpackJob, task) == 0);
  auto& job = reinterpret_cast<UnpackJob&>(task);
  const Unpacking& unpacking = *job.unpacking;
  const uint64_t cluster_bytes = job.cluster_bytes;
  const bool whole = job.out.size() == cluster_bytes;
  const MutableBytes cluster =
      whole ? job.out : unpacking.clusters_[worker].Prefix(cluster_bytes);
  Status status =
      job.image->Unpack(job.packed, cluster, *unpacking.unpackers_[worker]);
  if (status.ok() && !whole) {
    auto part = cluster.view().Slice(job.skip, job.out.size());
    status =
        part.ok() ? job.out.PutBytes(0, part.value()) : Status(part.error());
  }
  job.failed = !status.ok();
  job.error = status.error();
}

}  // namespace instar::guest
