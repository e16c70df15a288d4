#include "compat/creation_text.h"

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "compat/fault_text.h"
#include "proto/abi.h"

namespace instar::compat {
namespace {

struct StepRow {
  std::string_view format;
  std::string_view words;  // {e}: the reason
};

constexpr StepRow kFirstSteps[] = {
    {"raw", "Could not resize file: {e}"},
    {"qcow2", "Could not write qcow2 header: {e}"},
    {"vmdk", "Could not write description: {e}"},
    {"vpc", "Unable to create or write VHD header"},
    {"vdi", "Error writing header"},
    {"qed", "Could not create image: {e}"},
    {"qcow", "Could not create image: {e}"},
    {"parallels", "Failed to create Parallels image: {e}"},
};

// By the places of [MS-VHDX] 2.1. Behind them qemu-img writes the block
// allocation table first, and tells of that where there is no space.
std::string_view VhdxStep(uint64_t offset) {
  constexpr uint64_t kHeaders = 64 << 10;
  constexpr uint64_t kRegionTable = 192 << 10;
  constexpr uint64_t kSecondRegionTable = 256 << 10;
  constexpr uint64_t kEndOfTables = 1 << 20;
  if (offset < kHeaders)
    return "Failed to write file signature: {e}";
  if (offset < kRegionTable)
    return "Failed to write image headers: {e}";
  if (offset < kSecondRegionTable)
    return "Failed to write first region table: {e}";
  return offset < kEndOfTables ? "Failed to write second region table: {e}"
                               : "Failed to write the BAT: {e}";
}

std::string_view PreallocationStep(proto::Preallocation mode) {
  if (mode == proto::PREALLOCATION_FALLOC)
    return "Could not preallocate new data: {e}";
  if (mode == proto::PREALLOCATION_FULL)
    return "Could not write zeros for preallocation: {e}";
  return {};
}

std::string_view FirstStep(const proto::Failure& failure,
                           const proto::CreateTarget& target) {
  if (target.format() == "vhdx")
    return VhdxStep(failure.value());
  // The header is written again once there are tables to point at. What is held
  // back of a new image's magic puts off where it begins.
  if (target.format() == "qcow2" && failure.value() > abi::kHeldMagicBytes)
    return "Could not update qcow2 header: {e}";
  if (target.format() == "vpc" && target.block().fixed())
    return "Unable to write VHD header: {e}";
  for (const StepRow& row : kFirstSteps) {
    if (row.format == target.format())
      return row.words;
  }
  return "{e}";
}

}  // namespace

std::string CreationStepText(const proto::Failure& failure,
                             const proto::CreateTarget& target) {
  const std::string_view reserving = PreallocationStep(target.preallocation());
  std::string text;
  if (failure.error() == EFBIG) {
    text = "Could not resize file: {e}";
  } else if (!reserving.empty() && target.format() == "qcow2") {
    text = "Could not resize image: Failed to resize underlying file: ";
    text += reserving;
  } else {
    text = reserving.empty() ? FirstStep(failure, target) : reserving;
  }
  const size_t mark = text.find("{e}");
  if (mark != std::string::npos)
    text.replace(mark, 3, FaultText(failure));
  return text;
}

}  // namespace instar::compat
