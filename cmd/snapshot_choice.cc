#include "cmd/snapshot_choice.h"

namespace instar::cmd {

bool FillSnapshotChoice(const compat::SnapshotParam& param,
                        proto::SnapshotChoice& choice) {
  for (const auto* text : {&param.id_or_name, &param.id, &param.name}) {
    if (text->has_value() && (*text)->size() > compat::kMaxSnapshotTextBytes)
      return false;
  }
  if (!param.by_parts()) {
    choice.set_id_or_name(*param.id_or_name);
    return true;
  }
  if (param.id)
    choice.set_id(*param.id);
  if (param.name)
    choice.set_name(*param.name);
  return true;
}

}  // namespace instar::cmd
