// The target of convert -n: an image that is there already, named by its file
// or by options, as a source is.
#pragma once

#include <optional>
#include <string>

#include "cmd/command.h"
#include "cmd/convert_call.h"
#include "cmd/source.h"

namespace instar::cmd {

struct ExistingTarget {
  ImageSource image;
  std::string format;     // driver name
  std::string data_file;  // of qcow2, as the image names it; empty: none
  // Why it cannot be written to, without the program's name; empty: it can, as
  // far as is known before it is opened for writing.
  std::string problem;
};

// What the command line says of the target. A guest that reads nothing else
// looks into the image where there is more to know: which format it has, which
// file holds its data, whether its tables agree. Prints warnings only.
ExistingTarget FindExistingTarget(const Environment& environment,
                                  const ConvertCall& call);

// Lets a guest that sees nothing else find out the format and the data file of
// `target.image`. What it could not read becomes `problem`.
void LookInto(const Environment& environment, ExistingTarget& target);

}  // namespace instar::cmd
