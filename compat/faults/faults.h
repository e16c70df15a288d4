// The words for faults, a table for each format. Faults that qemu-img has words
// for are in its words.
#pragma once

#include <span>
#include <string_view>

#include "gen/guest.pb.h"

namespace instar::compat {

struct FaultRow {
  proto::Fault fault;
  // {v}, {w} and {x}: value, value2 and value3 in decimal; {i}: value as an
  // int32; {V}, {W}, {X}: in hexadecimal; {P}: value in all 16 hexadecimal
  // digits; {t}: the text; {e}: the errno's; {p}: the path of the image.
  std::string_view words;
};

std::span<const FaultRow> CommonFaults();
std::span<const FaultRow> Qcow2Faults();
std::span<const FaultRow> VmdkFaults();
std::span<const FaultRow> VpcFaults();
std::span<const FaultRow> VdiFaults();
std::span<const FaultRow> VhdxFaults();
std::span<const FaultRow> QcowFaults();
std::span<const FaultRow> QedFaults();
std::span<const FaultRow> ParallelsFaults();
std::span<const FaultRow> BochsFaults();
std::span<const FaultRow> CloopFaults();
std::span<const FaultRow> DmgFaults();
std::span<const FaultRow> LuksFaults();
std::span<const FaultRow> RawFaults();
std::span<const FaultRow> BitmapFaults();
// Also those of changes of snapshots.
std::span<const FaultRow> AmendFaults();
std::span<const FaultRow> ResizeFaults();
// What `check` of qcow2 prints of a problem, a line for each.
std::span<const FaultRow> CheckFaults();
std::span<const FaultRow> RepairFaults();

}  // namespace instar::compat
