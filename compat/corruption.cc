#include <cinttypes>
#include <cstdio>

#include "compat/failure.h"

namespace instar::compat {
namespace {

std::string Hex(uint64_t number) {
  char text[32];
  snprintf(text, sizeof text, "%#" PRIx64, number);
  return text;
}

// Which entry of which L2 table.
std::string InTable(const proto::Failure& failure) {
  return " (L2 offset: " + Hex(failure.value2()) +
         ", L2 index: " + Hex(failure.value3()) + ")";
}

std::string What(const proto::Failure& failure) {
  switch (static_cast<int>(failure.fault())) {
    case proto::FAULT_QCOW2_L2_TABLE_UNALIGNED:
      return "L2 table offset " + Hex(failure.value()) +
             " unaligned (L1 index: " + Hex(failure.value2()) + ")";
    case proto::FAULT_QCOW2_CLUSTER_UNALIGNED:
      return "Cluster allocation offset " + Hex(failure.value()) +
             " unaligned" + InTable(failure);
    case proto::FAULT_QCOW2_ZERO_ENTRY_IN_V2:
      return "Zero cluster entry found in pre-v3 image" + InTable(failure);
    case proto::FAULT_QCOW2_COMPRESSED_WITH_DATA_FILE:
      return "Compressed cluster entry found in image with external data file" +
             InTable(failure);
    case proto::FAULT_QCOW2_INVALID_SUBCLUSTERS:
      return "Invalid cluster entry found " + InTable(failure);
    case proto::FAULT_QCOW2_DATA_FILE_MAPPING:
      return "External data file host cluster offset " + Hex(failure.value()) +
             " does not match guest cluster offset: " + Hex(failure.value2()) +
             ", L2 index: " + Hex(failure.value3()) + ")";
    case proto::FAULT_CHECK_REFBLOCK_OFFSET:
    case proto::FAULT_REPAIR_REFBLOCK_OFFSET:
      return "Refblock offset " + Hex(failure.value()) +
             " unaligned (reftable index: " + Hex(failure.value2()) + ")";
    case proto::FAULT_REPAIR_OVERLAP:
      return "Preventing invalid write on metadata (overlaps with " +
             failure.text() + ")";
    default:
      return "";
  }
}

}  // namespace

std::string CorruptionText(const proto::Failure& failure) {
  const std::string what = What(failure);
  if (what.empty())
    return "";
  // An image that is written is marked.
  if (failure.fault() == proto::FAULT_REPAIR_REFBLOCK_OFFSET ||
      failure.fault() == proto::FAULT_REPAIR_OVERLAP ||
      failure.stage() == proto::STAGE_SNAPSHOT_EDIT ||
      failure.stage() == proto::STAGE_AMEND) {
    return "qcow2: Marking image as corrupt: " + what +
           "; further corruption events will be suppressed\n";
  }
  return "qcow2: Image is corrupt: " + what +
         "; further non-fatal corruption events will be suppressed\n";
}

}  // namespace instar::compat
