#include "lib/format/checker.h"

namespace instar {

#include "gen/checkers.inc"

const Checker* FindChecker(ByteView format) {
  for (const Checker* checker : kCheckers) {
    if (checker != nullptr && checker->name.Equals(format)) {
      return checker;
    }
  }
  return nullptr;
}

bool IsOwnChecker(const Checker& checker) {
  return checker.name.Equals(ByteView::Of("vpc"));
}

}  // namespace instar
