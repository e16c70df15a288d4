// Checking an image's metadata without changing it. A format that can be
// checked exports a Checker from lib/format/<name>/checker.cc.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"

namespace instar {

// How much of a Parallels image is looked at.
enum class ParallelsCheck : uint8_t {
  kBounds = 0,    // up to 8.0: that clusters begin in the file, and its end
  kClusters = 1,  // 8.1: that clusters are in the file as a whole
  kFull = 2,      // from 8.2: the data offset and duplicates too
};

// What releases of qemu-img look at and others do not.
struct CheckRules {
  bool reserved_bits = true;  // qcow2, and the bitmaps of subclusters
  ParallelsCheck parallels = ParallelsCheck::kBounds;
};

// What a repair mends: `check -r leaks` and `-r all`.
struct RepairKinds {
  bool leaks = false;   // space that nothing refers to
  bool errors = false;  // whatever else can be mended
  // The image is about to be changed. What cannot be mended remains, and does
  // not keep it from being marked as closed properly.
  bool at_opening = false;
};

// Receives what is wrong, in the order in which qemu-img prints it.
class ProblemVisitor {
 public:
  // One line of qemu-img's: the fault, of the group "Check" of guest.proto,
  // with its numbers. Counting is the checker's.
  virtual Status OnProblem(const Error& problem) = 0;
  // What is to be looked at.
  virtual CheckRules rules() const { return {}; }

 protected:
  ~ProblemVisitor() = default;
};

struct CheckResult {
  uint64_t corruptions = 0;
  uint64_t leaks = 0;
  uint64_t check_errors = 0;
  // What a repair has mended; it counts neither above nor as an error.
  uint64_t corruptions_fixed = 0;
  uint64_t leaks_fixed = 0;
  uint64_t image_end_offset = 0;  // bytes; 0: the format has none
  // Clusters; all 0 where the format does not count them.
  uint64_t total_clusters = 0;
  uint64_t allocated_clusters = 0;
  uint64_t fragmented_clusters = 0;
  uint64_t compressed_clusters = 0;
  // The errno with which the check ended before its end; 0: it did not. The
  // numbers above are not shown then.
  int32_t error = 0;
};

// What a format's checker.cc exports, as `constinit const Checker kChecker`.
struct Checker {
  ByteView name;  // qemu's driver name, also the folder's
  // Opens the image in `file` and checks it. Memory comes from `arena` and is
  // bounded: what does not fit is done in passes.
  // Errors: those of opening, which qemu-img reports as such; failed reads of
  // what was to be checked are check_errors.
  Result<CheckResult> (*check)(Arena& arena, File& file, Opener& opener,
                               ProblemVisitor& visitor);
};

// The checker of a format; null: qemu-img does not check it.
const Checker* FindChecker(ByteView format);

// qemu-img does not check this format, only we do.
bool IsOwnChecker(const Checker& checker);

}  // namespace instar
