#include "lib/format/qcow2/check_run.h"

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

Status CheckRun::BadRefblock(const Error& problem) {
  if (told_bad_refblock) {
    return {};
  }
  told_bad_refblock = true;
  return visitor->OnProblem(problem);
}

}  // namespace instar::qcow2
