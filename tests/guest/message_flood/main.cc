// EXPECT: broke-rule "message: too many findings"
// More findings than the host keeps.
#include "tests/guest/hostile.h"

namespace instar::hostile {

void Attack(uint64_t /*vcpu*/) {
  // Frame{findings {failure {text: …}}}, 64 KiB of it: valid, and more of them
  // than anybody needs. Lengths are varints of three bytes.
  uint8_t* bytes = reinterpret_cast<uint8_t*>(kArena);
  const uint8_t head[] = {0x0a, 0xfc, 0xff, 0x03, 0x22, 0xf8,
                          0xff, 0x03, 0x32, 0xf4, 0xff, 0x03};
  static_assert(sizeof head == 12);
  __builtin_memcpy(bytes, head, sizeof head);
  for (;;) {
    Call(0, {.call = abi::Call::kMessage,
             .length = abi::kMaxFrameBytes,
             .buffer = kArena});
  }
}

}  // namespace instar::hostile
