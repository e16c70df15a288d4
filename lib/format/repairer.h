// Mending an image's metadata: `check -r`, and what precedes a change of an
// image that was not closed properly. A format that can be mended exports a
// Repairer from lib/format/<name>/repairer.cc.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"
#include "lib/format/checker.h"

namespace instar {

// What a format's repairer.cc exports, as `constinit const Repairer kRepairer`.
struct Repairer {
  ByteView name;  // qemu's driver name, also the folder's
  // Checks the image in `file` as its Checker does, and mends what `kinds`
  // has. What the result counts as corruptions and leaks is left of them.
  // Whatever ends it in between, the image is no worse than it was.
  // Errors: as those of Checker::check.
  Result<CheckResult> (*repair)(Arena& arena, File& file, Opener& opener,
                                ProblemVisitor& visitor, RepairKinds kinds);
};

// The repairer of a format; null: it cannot be repaired.
const Repairer* FindRepairer(ByteView format);

}  // namespace instar
