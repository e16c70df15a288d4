// A target whose writes are noted, for bitmaps that record them.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/target.h"
#include "lib/format/written_runs.h"

namespace instar {

class RecordingTarget final : public Target {
 public:
  // Both outlive this.
  RecordingTarget(Target& target, WrittenRuns& runs)
      : Target(target.virtual_size(), target.cluster_size(),
               target.zeroes_are_data()),
        target_(&target),
        runs_(&runs) {}

  Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) override {
    const WriteExtent extent = TRY(target_->Allocate(offset, length));
    runs_->Add(offset, extent.length);
    return extent;
  }
  Result<PackRules> Packing() const override { return target_->Packing(); }
  Result<WriteExtent> AllocatePacked(uint64_t offset, uint64_t packed_bytes,
                                     MutableBytes prefix) override {
    runs_->Add(offset, Min(cluster_size_, virtual_size_ - offset));
    return target_->AllocatePacked(offset, packed_bytes, prefix);
  }
  Status WriteZeroes(uint64_t offset, uint64_t length,
                     bool may_unmap) override {
    runs_->Add(offset, length);
    return target_->WriteZeroes(offset, length, may_unmap);
  }
  Status Sync() override { return target_->Sync(); }
  Status Finish() override { return target_->Finish(); }

 private:
  Target* target_;
  WrittenRuns* runs_;
};

}  // namespace instar
