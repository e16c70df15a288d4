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

// Receives what is wrong, in the order in which qemu-img prints it.
class ProblemVisitor {
 public:
  // One line of qemu-img's: the fault, of the group "Check" of guest.proto,
  // with its numbers. Counting is the checker's.
  virtual Status OnProblem(const Error& problem) = 0;

 protected:
  ~ProblemVisitor() = default;
};

struct CheckResult {
  uint64_t corruptions = 0;
  uint64_t leaks = 0;
  uint64_t check_errors = 0;
  uint64_t image_end_offset = 0;  // bytes; 0: the format has none
  // Clusters; all 0 where the format does not count them.
  uint64_t total_clusters = 0;
  uint64_t allocated_clusters = 0;
  uint64_t fragmented_clusters = 0;
  uint64_t compressed_clusters = 0;
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

}  // namespace instar
