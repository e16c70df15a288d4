#include "compat/fault_text.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>

#include "compat/create_options.h"
#include "compat/faults/faults.h"
#include "compat/target_options.h"

namespace instar::compat {
namespace {

constexpr std::span<const FaultRow> (*kTables[])() = {
    &CommonFaults, &Qcow2Faults,  &VmdkFaults,  &VpcFaults,       &VdiFaults,
    &VhdxFaults,   &QcowFaults,   &QedFaults,   &ParallelsFaults, &BochsFaults,
    &CloopFaults,  &DmgFaults,    &LuksFaults,  &RawFaults,       &CheckFaults,
    &BitmapFaults, &RepairFaults, &AmendFaults, &ResizeFaults,
};

std::string Hexadecimal(uint64_t number, int width = 1) {
  char digits[32];
  snprintf(digits, sizeof digits, "%0*" PRIx64, width, number);
  return digits;
}

std::string Fill(std::string_view words, const proto::Failure& failure,
                 std::string_view path) {
  std::string out;
  while (!words.empty()) {
    const size_t mark = std::min(words.find('{'), words.size());
    out += words.substr(0, mark);
    words.remove_prefix(mark);
    if (words.empty())
      break;
    switch (words[1]) {
      case 'v':
        out += std::to_string(failure.value());
        break;
      case 'i':
        out += std::to_string(static_cast<int32_t>(failure.value()));
        break;
      case 'w':
        out += std::to_string(failure.value2());
        break;
      case 'x':
        out += std::to_string(failure.value3());
        break;
      case 'V':
        out += Hexadecimal(failure.value());
        break;
      case 'W':
        out += Hexadecimal(failure.value2());
        break;
      case 'X':
        out += Hexadecimal(failure.value3());
        break;
      case 'P':
        out += Hexadecimal(failure.value(), 16);
        break;
      case 'e':
        out += ErrnoText(failure.error());
        break;
      case 'p':
        out += path;
        break;
      default:
        out += failure.text();
    }
    words.remove_prefix(3);
  }
  return out;
}

std::string UnknownFeatures(const proto::Failure& failure) {
  std::string out = "Unsupported qcow2 feature(s): " + failure.text();
  if (failure.value() == 0)
    return out;
  char bits[64];
  snprintf(bits, sizeof bits, "Unknown incompatible feature: %" PRIx64,
           failure.value());
  return out + (failure.text().empty() ? "" : ", ") + bits;
}

std::string NotInFormat(const proto::Failure& failure) {
  struct FormatRow {
    std::string_view format;
    std::string_view words;
  };
  static constexpr FormatRow kFormats[] = {
      {"qcow", "Image not in qcow format"},
      {"qed", "Image not in QED format"},
      {"vmdk", "invalid VMDK image descriptor"},
      {"vpc", "invalid VPC image"},
      {"parallels", "Image not in Parallels format"},
      {"luks", "Volume is not in LUKS format"},
      {"bochs", "Image not in Bochs format"},
  };
  for (const FormatRow& row : kFormats) {
    if (row.format == failure.text())
      return std::string(row.words);
  }
  if (failure.text() == "vdi") {
    char words[64];
    snprintf(words, sizeof words,
             "Image not in VDI format (bad signature %08" PRIx64 ")",
             failure.value());
    return words;
  }
  const std::string format = failure.text().empty() ? "qcow2" : failure.text();
  return "Image is not in " + format + " format";
}

// Ends wrap at 2^64, as qemu-img's do.
std::string Range(uint64_t start, uint64_t length) {
  return std::to_string(start) + '-' + std::to_string(start + length);
}

std::string VhdxOverlap(const proto::Failure& failure) {
  return "VHDX region " + Range(failure.value(), failure.value3() >> 32) +
         " overlaps with region " +
         Range(failure.value2(), static_cast<uint32_t>(failure.value3()));
}

std::string UnsupportedPreallocation(uint64_t mode) {
  static constexpr const char* kModes[] = {"off", "metadata", "falloc", "full"};
  return std::string("Unsupported preallocation mode: ") +
         (mode < std::size(kModes) ? kModes[mode] : "unknown");
}

// Faults in the tables of an image reach the user as a failed transfer.
bool IsBadEntry(proto::Fault fault) {
  return fault == proto::FAULT_QCOW2_CORRUPT_ENTRY ||
         fault == proto::FAULT_COMPRESSED_DATA ||
         (fault >= proto::FAULT_QCOW2_L2_TABLE_UNALIGNED &&
          fault <= proto::FAULT_QCOW2_INVALID_SUBCLUSTERS);
}

}  // namespace

std::string ErrnoText(int error) {
  const char* name = strerrordesc_np(error);
  return name != nullptr ? name : "Unknown error " + std::to_string(error);
}

std::string FaultText(const proto::Failure& failure, std::string_view path) {
  const proto::Fault fault = failure.fault();
  for (const auto table : kTables) {
    for (const FaultRow& row : table()) {
      if (row.fault == fault)
        return Fill(row.words, failure, path);
    }
  }
  if (fault == proto::FAULT_QCOW2_UNKNOWN_FEATURES)
    return UnknownFeatures(failure);
  if (fault == proto::FAULT_CHECK_VHDX_REGION_OVERLAP)
    return VhdxOverlap(failure);
  if (fault == proto::FAULT_NOT_IN_FORMAT)
    return NotInFormat(failure);
  if (fault == proto::FAULT_PREALLOCATION_UNSUPPORTED)
    return UnsupportedPreallocation(failure.value());
  if (fault == proto::FAULT_UNKNOWN_DRIVER) {
    // A format that qemu-img has and no guest reads yet is not unknown.
    const std::string format = "'" + failure.text() + "'";
    return FindFormat(failure.text()) != nullptr
               ? Unsupported("Format " + format)
               : "Unknown driver " + format;
  }
  if (fault == proto::FAULT_NO_MEMORY)
    return ErrnoText(ENOMEM);
  if (IsBadEntry(fault))
    return ErrnoText(EIO);
  if (fault == proto::FAULT_UNSUPPORTED) {
    return Unsupported(failure.text().empty() ? "This" : failure.text());
  }
  if (fault == proto::FAULT_INTERNAL) {
    return "Internal error " + std::to_string(failure.value()) +
           (failure.text().empty() ? "" : ": " + failure.text());
  }
  return ErrnoText(failure.error() != 0 ? failure.error() : EIO);
}

std::string PrecedingText(const proto::Failure& failure) {
  if (failure.fault() < proto::FAULT_VHDX_REGION_OVERLAP ||
      failure.fault() > proto::FAULT_VHDX_BAT_END)
    return "";
  constexpr int kToProblem =
      proto::FAULT_CHECK_VHDX_REGION_OVERLAP - proto::FAULT_VHDX_REGION_OVERLAP;
  proto::Failure problem = failure;
  problem.set_fault(static_cast<proto::Fault>(failure.fault() + kToProblem));
  return FaultText(problem);
}

}  // namespace instar::compat
