#include "compat/targets/targets.h"

namespace instar::compat {

void ReadRaw(const CreateOptions& options, const Profile& /*profile*/,
             TargetOptions& out) {
  const auto preallocation = options.Text("preallocation");
  if (preallocation && !ReadPreallocation(*preallocation, out.target))
    out.creation_error = "invalid parameter value: " + *preallocation;
}

}  // namespace instar::compat
