#include "lib/format/qcow2/check_run.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/mending.h"

namespace instar::qcow2 {

Status CheckRun::Remark(const Error& problem) {
  if (again) {
    return {};
  }
  return visitor->OnProblem(problem);
}

Status CheckRun::Corruption(const Error& problem) {
  if (again) {
    return {};
  }
  return CorruptionHere(problem);
}

Status CheckRun::CheckError(const Error& problem) {
  if (again) {
    return {};
  }
  ++result.check_errors;
  return visitor->OnProblem(problem);
}

Status CheckRun::CorruptionHere(const Error& problem) {
  ++result.corruptions;
  return visitor->OnProblem(problem);
}

Status CheckRun::CorruptionInCount(const Error& problem) {
  return recounts ? Status() : CorruptionHere(problem);
}

void CheckRun::DropCache() {
  cache->SetBlockBytes(Max(BlockCache::kMinBlockBytes,
                           Min(cluster_size(), BlockCache::kMaxBlockBytes)));
}

Status CheckRun::BadRefblock(const Error& problem) {
  if (told_bad_refblock) {
    return {};
  }
  told_bad_refblock = true;
  if (!fix.leaks && !fix.errors) {
    return visitor->OnProblem(problem);
  }
  Error marked = problem;
  marked.fault = Fault::kRepairRefblockOffset;
  return MarkCorrupt(*this, marked);
}

}  // namespace instar::qcow2
