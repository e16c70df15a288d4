#include "lib/format/vdi/layout.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

// Four blocks: stored, discarded, stored, never written. The file ends in the
// first one, which reads as zeroes from there on.
std::vector<uint8_t> Image(uint32_t type) {
  using L = vdi::HeaderLayout;
  std::vector<uint8_t> bytes(1024 + 600, 1);
  const auto put = [&bytes](auto field, auto value) {
    using F = decltype(field);
    F::Encode(bytes.data() + field.offset,
              static_cast<typename F::Value>(value));
  };
  for (uint64_t i = 0; i < 1024; ++i) {
    bytes[i] = 0;
  }
  put(L::kSignature, vdi::kSignature);
  put(L::kMajorVersion, vdi::kMajorVersion);
  put(L::kMinorVersion, vdi::kMinorVersion);
  put(L::kImageType, type);
  put(L::kMapOffset, 512);
  put(L::kDataOffset, 1024);
  put(L::kSectorSize, vdi::kSectorBytes);
  put(L::kDiskSize, 4 * vdi::kBlockBytes);
  put(L::kBlockSize, vdi::kBlockBytes);
  put(L::kNumBlocks, 4);
  put(L::kNumAllocated, 2);
  put(Le32{512}, 0);
  put(Le32{516}, vdi::kDiscarded);
  put(Le32{520}, 1);
  put(Le32{524}, 0xffffffff);
  return bytes;
}

}  // namespace

std::vector<Seed> VdiSeeds() {
  return {{"vdi_dynamic", "vdi", Image(vdi::kTypeDynamic), 528},
          {"vdi_static", "vdi", Image(vdi::kTypeStatic), 528}};
}

}  // namespace instar::fakes
