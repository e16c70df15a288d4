#include "compat/check_text.h"

#include <cinttypes>
#include <cstdio>

#include "compat/failure.h"
#include "compat/fault_text.h"

namespace instar::compat {
namespace {

proto::Failure FailureOf(const proto::CheckProblem& problem) {
  proto::Failure failure;
  failure.set_fault(problem.fault());
  failure.set_value(problem.value());
  failure.set_value2(problem.value2());
  failure.set_value3(problem.value3());
  failure.set_text(problem.text());
  failure.set_error(problem.error());
  return failure;
}

// Problems that qemu-img tells as errors of its own, after its name.
bool HasPrefix(const Profile& profile, proto::Fault fault) {
  if (fault >= proto::FAULT_REPAIR_REBUILD_WRITE &&
      fault <= proto::FAULT_REPAIR_REBUILD_TABLE_ROOM)
    return profile.rebuild_errors_are_prefixed;
  return fault == proto::FAULT_REPAIR_RESIZE_FILE ||
         (fault >= proto::FAULT_CHECK_SNAPSHOT_TABLE_OFFSET &&
          fault <= proto::FAULT_CHECK_SNAPSHOT_TABLE_TOO_BIG) ||
         (fault >= proto::FAULT_CHECK_VHDX_REGION_OVERLAP &&
          fault <= proto::FAULT_CHECK_VHDX_BAT_END);
}

double Percent(uint64_t part, uint64_t whole) {
  return static_cast<double>(part) * 100.0 / static_cast<double>(whole);
}

std::string Allocation(const proto::CheckResult& result) {
  const uint64_t allocated = result.allocated_clusters();
  if (result.total_clusters() == 0 || allocated == 0)
    return "";
  char text[256];
  snprintf(text, sizeof text,
           "%" PRIu64 "/%" PRIu64
           " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed "
           "clusters\n",
           allocated, result.total_clusters(),
           Percent(allocated, result.total_clusters()),
           Percent(result.fragmented_clusters(), allocated),
           Percent(result.compressed_clusters(), allocated));
  return text;
}

}  // namespace

std::string ProblemText(const Names& names, const Profile& profile,
                        const proto::CheckProblem& problem) {
  const proto::Failure failure = FailureOf(problem);
  std::string corruption = CorruptionText(failure);
  if (!corruption.empty())
    return corruption;
  const std::string text = FaultText(failure);
  return HasPrefix(profile, problem.fault()) ? ErrorLine(names, text)
                                             : text + '\n';
}

std::string RepairText(const proto::CheckResult& result) {
  return "The following inconsistencies were found and repaired:\n\n    " +
         std::to_string(result.leaks_fixed()) + " leaked clusters\n    " +
         std::to_string(result.corruptions_fixed()) +
         " corruptions\n\nDouble checking the fixed image now...\n";
}

std::string CheckText(const proto::CheckResult& result) {
  std::string text;
  if (result.corruptions() == 0 && result.leaks() == 0 &&
      result.check_errors() == 0)
    text += "No errors were found on the image.\n";
  if (result.corruptions() != 0) {
    text += "\n" + std::to_string(result.corruptions()) +
            " errors were found on the image.\n"
            "Data may be corrupted, or further writes to the image may "
            "corrupt it.\n";
  }
  if (result.leaks() != 0) {
    text += "\n" + std::to_string(result.leaks()) +
            " leaked clusters were found on the image.\n"
            "This means waste of disk space, but no harm to data.\n";
  }
  if (result.check_errors() != 0) {
    text += "\n" + std::to_string(result.check_errors()) +
            " internal errors have occurred during the check.\n";
  }
  text += Allocation(result);
  if (result.image_end_offset() != 0) {
    text +=
        "Image end offset: " + std::to_string(result.image_end_offset()) + "\n";
  }
  return text;
}

}  // namespace instar::compat
