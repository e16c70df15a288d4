#include "compat/targets/targets.h"

namespace instar::compat {

void ReadVdi(const CreateOptions& options, const Profile& /*profile*/,
             TargetOptions& out) {
  CheckFilePreallocation(options, out);
  out.format_checks_size = true;
  out.target.mutable_block()->set_fixed(options.Bool("static").value_or(false));
}

}  // namespace instar::compat
