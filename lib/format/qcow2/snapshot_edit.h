// The snapshots of a qcow2 image, changed in an order in which nothing that is
// in use is ever without a reference: counts go up before anything new refers
// to a cluster, and down when nothing old does any more.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/cluster_tree.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/snapshot_list.h"
#include "lib/format/snapshot_edit.h"

namespace instar::qcow2 {

class Qcow2SnapshotEdit final : public SnapshotEdit {
 public:
  Qcow2SnapshotEdit(Arena& arena, File& file)
      : image_(arena, file), list_(image_), tree_(image_) {}
  Qcow2SnapshotEdit(const Qcow2SnapshotEdit&) = delete;
  Qcow2SnapshotEdit& operator=(const Qcow2SnapshotEdit&) = delete;

  // Called once, before anything else.
  Status Open();

  Status Create(ByteView name, uint32_t date_sec, uint32_t date_nsec) override {
    return image_.Judged(Make(name, date_sec, date_nsec));
  }
  Status Apply(ByteView id_or_name) override {
    return image_.Judged(GoTo(id_or_name));
  }
  Status Delete(ByteView name) override { return image_.Judged(Remove(name)); }

 private:
  Status Make(ByteView name, uint32_t date_sec, uint32_t date_nsec);
  Status GoTo(ByteView id_or_name);
  Status Remove(ByteView name);
  Result<MutableBytes> ReadL1(uint64_t offset, uint64_t entries);
  Status WriteL1(uint64_t offset, ByteView l1);
  Status CheckPlace(const SnapshotRecord& record) const;
  Status CheckApply(const SnapshotRecord& record) const;
  Status Enlist(const SnapshotRecord& record, MutableBytes l1, ByteView id,
                ByteView name);
  // Makes the header say where the snapshots are.
  Status SwitchList();
  Status SwitchL1(const SnapshotRecord& record, MutableBytes l1);
  Status MarkActive(MutableBytes l1);
  Status FreeClustersOf(const SnapshotRecord& record);

  Metadata image_;
  SnapshotList list_;
  ClusterTree tree_;
};

}  // namespace instar::qcow2
