#include "compat/targets/targets.h"

namespace instar::compat {

void ReadVpc(const CreateOptions& options, const Profile& profile,
             TargetOptions& out) {
  CheckFilePreallocation(options, out);
  ReadSubformat(options, profile, out);
  out.format_checks_size = true;
  out.target.mutable_block()->set_force_size(
      options.Bool("force_size").value_or(false));
}

}  // namespace instar::compat
