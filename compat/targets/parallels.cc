#include "compat/targets/targets.h"

namespace instar::compat {

void ReadParallels(const CreateOptions& options, const Profile& /*profile*/,
                   TargetOptions& out) {
  proto::ClusterOptions& cluster = *out.target.mutable_cluster();
  CheckFilePreallocation(options, out);
  const auto size = options.Number("cluster_size");
  if (!size)
    return;
  cluster.set_cluster_size(*size);
  // In the configuration 0 stands for what the format chooses.
  if (*size == 0 && out.creation_error.empty())
    out.creation_error = "Image size is too large for this cluster size";
}

}  // namespace instar::compat
