#include "lib/format/cloop/layout.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {

// Three blocks of which only the places matter: nothing unpacks them here.
std::vector<Seed> CloopSeeds() {
  using L = cloop::HeaderLayout;
  constexpr uint32_t kBlocks = 3;
  constexpr uint64_t kTableEnd = L::kSize + (kBlocks + 1) * cloop::kOffsetBytes;
  std::vector<uint8_t> out(kTableEnd + kBlocks * 100, 0x78);
  Be32::Encode(out.data() + L::kBlockBytes.offset, 1024);
  Be32::Encode(out.data() + L::kNumBlocks.offset, kBlocks);
  for (uint64_t i = 0; i <= kBlocks; ++i) {
    Be64::Encode(out.data() + L::kSize + i * cloop::kOffsetBytes,
                 kTableEnd + i * 100);
  }
  return {{"cloop", "cloop", out, kTableEnd}};
}

}  // namespace instar::fakes
