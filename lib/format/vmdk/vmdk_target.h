// A VMDK image that is written: grains are added at the end of their extent's
// file, in the order of the writes.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/format/layer_copy.h"
#include "lib/format/target.h"
#include "lib/format/vmdk/disk.h"
#include "lib/format/vmdk/grain_tables.h"

namespace instar::vmdk {

class VmdkTarget final : public Target {
 public:
  // `disk`: with files that are open for writing. `random`: for the content id
  // that the first write gives the image; empty: it keeps what it has.
  VmdkTarget(LayerCopy copy, File& file, Image* backing, const Disk& disk,
             ByteView random);
  VmdkTarget(const VmdkTarget&) = delete;
  VmdkTarget& operator=(const VmdkTarget&) = delete;

  // Called once, before anything else.
  Status Init(Arena& arena);
  // Each step refers to nothing that is not durable.
  void WriteInOrder() { tables_.WriteInOrder(); }

  // Errors: kErrno, also where a grain has no table or no parent that fits.
  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override;
  Status WriteZeroes(uint64_t offset, uint64_t length, bool may_unmap) override;
  Status Finish() override;

  Result<PackRules> Packing() const override;
  // The prefix is the grain's marker.
  // Errors: kVmdkGrainWritten where the grain is there already; kErrno.
  Result<WriteExtent> AllocatePacked(uint64_t offset, uint64_t packed_bytes,
                                     MutableBytes prefix) override;

 private:
  // Part of one grain.
  struct Piece {
    const ImageExtent* extent = nullptr;
    uint64_t index = 0;   // of the extent
    uint64_t inside = 0;  // bytes, where in the extent the piece begins
    uint64_t length = 0;

    uint64_t grain_bytes() const;
    uint64_t in_grain() const { return inside % grain_bytes(); }
    uint64_t grain() const { return inside / grain_bytes(); }
    uint64_t grain_start() const { return inside - in_grain(); }
  };

  // Where an extent's file ends.
  struct End {
    uint64_t sector = 0;  // the next grain's
    bool moved = false;
  };

  Piece PieceAt(uint64_t offset, uint64_t length) const;
  static bool NeedsGrain(const ImageExtent& extent, uint64_t entry);
  Result<uint64_t> AddGrain(const Piece& piece, uint64_t entry);
  Status FillRest(const Piece& piece, uint64_t host_offset, bool zeroed);
  Status ChangeContentId();

  File* file_;
  Image* backing_;
  Disk disk_;
  ByteView random_;
  LayerCopy copy_;
  Arena* arena_ = nullptr;
  std::span<End> ends_;  // of the extents
  GrainTables tables_;
};

}  // namespace instar::vmdk
