#include "guest/rt/long_cluster.h"

#include "lib/base/checked.h"

namespace instar::guest {

Status LongCluster::Read(const Extent& extent, const Image& owner,
                         MutableBytes out) {
  const bool held = owner_ == &owner && host_offset_ == extent.host_offset &&
                    stored_bytes_ == extent.stored_bytes &&
                    cluster_bytes_ == extent.cluster_bytes;
  if (!held) {
    owner_ = nullptr;
    TRY(Load(extent, owner));
    owner_ = &owner;
    host_offset_ = extent.host_offset;
    stored_bytes_ = extent.stored_bytes;
    cluster_bytes_ = extent.cluster_bytes;
  }
  const ByteView part =
      TRY(cluster_.view().Slice(extent.cluster_offset, out.size()));
  return out.PutBytes(0, part);
}

Status LongCluster::Prepare() {
  if (cluster_.empty()) {
    cluster_ = TRY(arena_->Allocate(max_cluster_bytes_, 4096));
    stored_ = TRY(arena_->Allocate(kMaxStoredBytes, 4096));
  }
  return {};
}

Status LongCluster::Load(const Extent& extent, const Image& owner) {
  TRY(Prepare());
  const MutableBytes stored = TRY(stored_.Slice(0, extent.stored_bytes));
  const MutableBytes cluster = TRY(cluster_.Slice(0, extent.cluster_bytes));
  TRY(extent.file->ReadAt(extent.host_offset, stored));
  return unpacking_->UnpackHere(owner, stored.view(), cluster);
}

}  // namespace instar::guest
