// What a repair writes while the check goes on: single entries of tables, the
// length of the file, and the sign that an image is beyond repair.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/check_run.h"
#include "lib/format/qcow2/l2_entry.h"

namespace instar::qcow2 {

// Which tables a write is meant for: it may hit those.
enum class Intended : uint8_t { kNothing, kActiveL1, kL2 };

// What of the image's metadata, but for L2 tables, the `bytes` at `offset`
// touch besides what is intended; empty: nothing. Errors: kErrno.
Result<ByteView> MetadataAt(CheckRun& run, uint64_t offset, uint64_t bytes,
                            Intended intended);

// As MetadataAt, refcount blocks left out, which takes no time.
Result<ByteView> FixedMetadataAt(const CheckRun& run, uint64_t offset,
                                 uint64_t bytes, Intended intended);

// The image is marked as corrupt, which is told, and nothing more is to be
// written. `problem` says why. Errors: the visitor's, kErrno.
Status MarkCorrupt(CheckRun& run, const Error& problem);

// Writes the three words of features of a version 3 image's header, and makes
// them durable. Errors: kErrno.
Status WriteFeatures(CheckRun& run);

// Makes the entry at `at` of an L2 table read as zeroes, where it did before
// or could not be read. Told as mended. Errors: kErrno, which ends the repair.
Status ZeroEntry(CheckRun& run, uint64_t at, const L2Entry& entry);

// Makes the file hold the refcount block `index` at `offset`, behind its end,
// or says why it does not; then the refcounts are to be made anew.
// Errors: the visitor's.
Status GrowToBlock(CheckRun& run, uint64_t index, uint64_t offset);

// Clusters that nothing refers to any more: the file may give them up. Runs
// that adjoin are given up together.
class Discards {
 public:
  explicit Discards(CheckRun& run) : run_(&run) {}
  Status Add(uint64_t cluster);
  // To be called last.
  Status Finish();

 private:
  CheckRun* run_;
  uint64_t first_ = 0;
  uint64_t count_ = 0;
};

}  // namespace instar::qcow2
