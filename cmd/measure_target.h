// What `measure` is asked to measure: the output format and its options, with
// the error that is due, and when.
#pragma once

#include <string>

#include "cmd/command.h"
#include "gen/guest.pb.h"

namespace instar::cmd {

struct MeasureTarget {
  proto::CreateTarget target;
  proto::BlockLayout layout;
  bool has_backing_file = false;
  // One or more lines, each an error of its own; empty: none.
  std::string errors;
  // When they are due. MEASURE_END_ALL: never.
  proto::MeasureEnd due = proto::MEASURE_END_ALL;
};

// Reads `option_list`, the arguments of -o, for an image of the format; prints
// the warnings that they give.
MeasureTarget ReadMeasureTarget(const Environment& environment,
                                const std::string& format,
                                const std::string& option_list);

}  // namespace instar::cmd
