// `convert` to a pipe, under this program's own name only: raw bytes, in order,
// from a window in memory.
#pragma once

#include "cmd/command.h"
#include "cmd/convert_call.h"

namespace instar::cmd {

// Whether the output takes bytes in order and nothing else: "-" for stdout, or
// what is a FIFO, a socket or a terminal.
bool WritesToStream(const Environment& environment, const ConvertCall& call);

// REQUIRES: WritesToStream(). Returns the exit status, after a message.
int ConvertToStream(const Environment& environment, const ConvertCall& call);

}  // namespace instar::cmd
