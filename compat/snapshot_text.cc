#include "compat/snapshot_text.h"

#include <cerrno>

#include "compat/fault_text.h"

namespace instar::compat {
namespace {

int ErrnoOf(const proto::Failure& failure) {
  switch (static_cast<int>(failure.fault())) {
    case proto::FAULT_ERRNO:
      return failure.error();
    case proto::FAULT_SNAPSHOT_UNSUPPORTED:
    case proto::FAULT_QCOW2_RESIZE_OLD_WITH_SNAPSHOTS:
      return ENOTSUP;
    case proto::FAULT_SNAPSHOT_MISSING:
      return ENOENT;
    case proto::FAULT_QCOW2_SNAPSHOT_L1_TOO_LARGE:
      return EFBIG;
    case proto::FAULT_QCOW2_SNAPSHOT_L1_OFFSET:
      return EINVAL;
    case proto::FAULT_NO_MEMORY:
      return ENOMEM;
    default:
      return EIO;
  }
}

std::string Created(const proto::Failure& failure, const SnapshotCall& call) {
  const int error = ErrnoOf(failure);
  const std::string words = ErrnoText(error);
  return call.tells_errno ? std::to_string(-error) + " (" + words + ")" : words;
}

std::string Applied(const proto::Failure& failure) {
  if (failure.fault() == proto::FAULT_SNAPSHOT_UNSUPPORTED)
    return "Block driver does not support snapshots";
  if (failure.fault() == proto::FAULT_BITMAP_EXISTS)
    return "Device has active dirty bitmaps";
  return "Failed to load snapshot: " + ErrnoText(ErrnoOf(failure));
}

std::string Deleted(const proto::Failure& failure) {
  switch (static_cast<int>(failure.fault())) {
    case proto::FAULT_SNAPSHOT_MISSING:
    case proto::FAULT_SNAPSHOT_UNSUPPORTED:
      return "snapshot not found";
    case proto::FAULT_QCOW2_L2_TABLE_UNALIGNED:
    case proto::FAULT_QCOW2_CLUSTER_UNALIGNED:
      return "Failed to update snapshot status in disk: " + ErrnoText(EIO);
    case proto::FAULT_ERRNO:
      return "Failed to remove snapshot from snapshot list: " +
             ErrnoText(failure.error());
    default:
      return FaultText(failure);
  }
}

}  // namespace

std::string SnapshotFailureText(const proto::Failure& failure,
                                const SnapshotCall& call) {
  if (failure.fault() == proto::FAULT_UNSUPPORTED)
    return FaultText(failure);
  const std::string name = " snapshot '" + call.name + "': ";
  if (call.action == proto::SNAPSHOT_ACTION_CREATE)
    return "Could not create" + name + Created(failure, call);
  if (call.action == proto::SNAPSHOT_ACTION_APPLY)
    return "Could not apply" + name + Applied(failure);
  return "Could not delete" + name + Deleted(failure);
}

std::string SnapshotPrecedingText(const proto::Failure& failure,
                                  const SnapshotCall& call) {
  const bool is_told =
      failure.fault() == proto::FAULT_QCOW2_SNAPSHOT_L1_OFFSET ||
      failure.fault() == proto::FAULT_QCOW2_SNAPSHOT_L1_TOO_LARGE ||
      failure.fault() == proto::FAULT_QCOW2_RESIZE_OLD_WITH_SNAPSHOTS;
  return call.action == proto::SNAPSHOT_ACTION_APPLY && is_told
             ? FaultText(failure)
             : "";
}

}  // namespace instar::compat
