// Repairing a Parallels image: as far as qemu-img's release does; see
// checker.cc.
#include "lib/format/repairer.h"

#include "lib/format/parallels/cluster_check.h"

namespace instar::parallels {
namespace {

constexpr uint8_t kName[] = {'p', 'a', 'r', 'a', 'l', 'l', 'e', 'l', 's'};

Result<CheckResult> RepairParallels(Arena& arena, File& file,
                                    Opener& /*opener*/, ProblemVisitor& visitor,
                                    RepairKinds kinds) {
  return CheckClusters(arena, file, visitor, kinds);
}

}  // namespace

extern const Repairer kRepairer;
constinit const Repairer kRepairer = {.name = ByteView{kName, sizeof kName},
                                      .repair = &RepairParallels};

}  // namespace instar::parallels
