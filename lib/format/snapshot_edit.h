// Internal snapshots of an image, made, gone back to and removed.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

class SnapshotEdit {
 public:
  // A snapshot of the present state. Errors: kErrno with the errno that
  // qemu-img tells, kQcow2L2TableUnaligned, kQcow2ClusterUnaligned, …
  virtual Status Create(ByteView name, uint32_t date_sec,
                        uint32_t date_nsec) = 0;
  // The present state becomes that of the snapshot with the id or, where there
  // is none, with the name. Errors: also kSnapshotMissing, kBitmapExists
  // (bitmaps do not go back), kQcow2SnapshotL1Offset,
  // kQcow2SnapshotL1TooLarge, kQcow2ResizeOldWithSnapshots.
  virtual Status Apply(ByteView id_or_name) = 0;
  // Removes the first snapshot with the name. Errors: as Apply, and
  // kSnapshotStatus with an errno where it is gone but flags are not as they
  // should be, kSnapshotFree where its clusters are left over.
  virtual Status Delete(ByteView name) = 0;

 protected:
  ~SnapshotEdit() = default;
};

// Of a qcow2 image. Errors: those of opening it and of qcow2::CheckWritable.
Result<SnapshotEdit*> OpenQcow2Snapshots(Arena& arena, File& file);

}  // namespace instar
