// What an operation finds when it starts: the boot page, its configuration,
// memory and the ways to talk to the host.
#pragma once

#include <cstdint>

#include "gen/guest.npb.h"
#include "guest/rt/requests.h"
#include "lib/base/arena.h"
#include "lib/base/result.h"
#include "proto/abi.h"

namespace instar::guest {

// The host's facts about this run; read-only memory.
const abi::Boot& boot();

struct Context {
  const instar_proto_Config* config;
  Arena arena;         // all memory behind the image
  Requests* requests;  // vCPU 0's
};

// The operation: one definition in each guest/op/<name>. It has reported what
// was found, or why it failed, when it returns; the value is what kDone says.
bool RunOperation(Context& context);

// vCPU 0 from start to end.
[[noreturn]] void RunMain();

// Which vCPU runs this.
uint64_t CurrentVcpu();

// Ends the run. `success` becomes the command's verdict.
[[noreturn]] void Done(bool success);

}  // namespace instar::guest
