#include <algorithm>
#include <string>

#include "lib/format/bochs/layout.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

using Bytes = std::vector<uint8_t>;
using L = bochs::HeaderLayout;

constexpr uint64_t kExtentBytes = 4096;
constexpr uint32_t kEntries = 3;

void PutText(Bytes& out, uint64_t offset, const std::string& text) {
  std::copy(text.begin(), text.end(),
            out.begin() + static_cast<int64_t>(offset));
}

// Two extents of three, one of them written in part.
Bytes Growing(uint32_t version) {
  constexpr uint64_t kCatalog = L::kSize;
  constexpr uint64_t kBitmap = kCatalog + kEntries * 4;
  constexpr uint64_t kStride = bochs::kSectorBytes + kExtentBytes;
  Bytes out(kBitmap + 2 * kStride, 0xaa);
  std::fill_n(out.begin(), L::kSize, uint8_t{0});
  PutText(out, L::kMagicOffset, "Bochs Virtual HD Image");
  PutText(out, L::kTypeOffset, "Redolog");
  PutText(out, L::kSubtypeOffset, "Growing");
  const auto put = [&out](auto field, auto value) {
    decltype(field)::Encode(out.data() + field.offset, value);
  };
  put(L::kVersion, version);
  put(L::kHeaderBytes, static_cast<uint32_t>(kCatalog));
  put(L::kCatalogEntries, kEntries);
  put(L::kBitmapBytes, uint32_t{1});
  put(L::kExtentBytes, static_cast<uint32_t>(kExtentBytes));
  put(version == bochs::kVersion1 ? L::kDiskBytesV1 : L::kDiskBytesV2,
      kEntries * kExtentBytes - 512);
  put(Le32{kCatalog}, uint32_t{1});
  put(Le32{kCatalog + 4}, bochs::kUnallocated);
  put(Le32{kCatalog + 8}, uint32_t{0});
  out[kBitmap] = 0xff;
  out[kBitmap + kStride] = 0x59;
  return out;
}

}  // namespace

std::vector<Seed> BochsSeeds() {
  constexpr uint64_t kInteresting = L::kSize + kEntries * 4 + 2;
  return {
      {"bochs_v1", "bochs", Growing(bochs::kVersion1), kInteresting},
      {"bochs_v2", "bochs", Growing(bochs::kVersion2), kInteresting},
  };
}

}  // namespace instar::fakes
