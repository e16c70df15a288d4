#include "guest/rt/context.h"

#include <pb_decode.h>

#include "guest/rt/findings.h"

namespace instar {

namespace {
bool panicking = false;
}  // namespace

void Panic(const char* what) {
  if (panicking) {
    // Reporting is what is broken: the host sees a fault.
    __builtin_trap();
  }
  panicking = true;
  guest::ReportPanic(what);
  guest::Done(false);
}

namespace guest {
namespace {

uint8_t* Memory(uint64_t offset) {
  return reinterpret_cast<uint8_t*>(abi::kGuestBase + offset);
}

}  // namespace

const abi::Boot& boot() {
  return *reinterpret_cast<const abi::Boot*>(Memory(abi::kBootOffset));
}

void RunMain() {
  Arena arena(MutableBytes(Memory(abi::kArenaOffset),
                           boot().memory_bytes - abi::kArenaOffset));
  PrepareFindings(arena);
  // Decoded once; too large for a stack.
  const auto config = arena.New<instar_proto_Config>();
  INSTAR_CHECK(config.ok());
  pb_istream_t stream =
      pb_istream_from_buffer(Memory(abi::kConfigOffset), boot().config_bytes);
  if (!pb_decode(&stream, instar_proto_Config_fields, config.value())) {
    Panic("the configuration does not decode");
  }
  Context context{
      .config = config.value(), .arena = arena, .requests = &Requests::Of(0)};
  Done(RunOperation(context));
}

uint64_t CurrentVcpu() {
  uint64_t vcpu = 0;
  asm volatile("mov %%fs:%c1, %0"
               : "=r"(vcpu)
               : "i"(offsetof(abi::Local, vcpu)));
  return vcpu;
}

void Done(bool success) {
  FlushFindings();
  Requests& requests = Requests::Of(CurrentVcpu());
  requests.Call({.call = abi::Call::kDone,
                 .offset = static_cast<uint64_t>(success ? 0 : 1)});
  for (;;) {
    requests.Sleep(requests.event());
  }
}

}  // namespace guest
}  // namespace instar
