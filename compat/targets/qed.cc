#include "compat/targets/targets.h"

namespace instar::compat {

void ReadQed(const CreateOptions& options, const Profile& profile,
             TargetOptions& out) {
  proto::ClusterOptions& cluster = *out.target.mutable_cluster();
  const auto cluster_size = options.Number("cluster_size");
  const auto table_size = options.Number("table_size");
  // In the configuration 0 stands for what the format chooses; no power of two
  // is 1 but for tables, and 3 is none.
  if (cluster_size)
    cluster.set_cluster_size(*cluster_size == 0 ? 1 : *cluster_size);
  if (table_size)
    cluster.set_table_size(*table_size == 0 ? 3 : *table_size);
  CheckFilePreallocation(options, out);
  const auto backing_format = options.Text("backing_fmt");
  if (backing_format && FindFormat(*backing_format) == nullptr &&
      out.creation_error.empty())
    out.creation_error = EnumError(profile, "backing-fmt", *backing_format);
}

}  // namespace instar::compat
