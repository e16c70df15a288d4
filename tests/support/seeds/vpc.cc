#include <string>

#include "lib/format/vpc/header.h"
#include "lib/format/vpc/layout.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

using vpc::DynamicLayout;
using vpc::FooterLayout;

using Bytes = std::vector<uint8_t>;

template <typename F>
void Put(Bytes& bytes, F field, typename F::Value value) {
  F::Encode(bytes.data() + field.offset, value);
}

template <typename F>
void Seal(Bytes& record, F checksum) {
  Put(record, checksum,
      vpc::ChecksumOf(ByteView(record.data(), record.size()), checksum.offset));
}

Bytes Footer(uint64_t size, uint32_t type, uint64_t data_offset) {
  using L = FooterLayout;
  Bytes footer(L::kSize);
  Put(footer, L::kCookie, vpc::kFooterCookie);
  Put(footer, L::kDataOffset, data_offset);
  Put(footer, L::kCreator, vpc::CreatorOf("win "));
  Put(footer, L::kCurrentSize, size);
  Put(footer, L::kDiskType, type);
  Seal(footer, L::kChecksum);
  return footer;
}

void Append(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}

// Four blocks of 4 KiB; the first and the third are stored.
Bytes Dynamic() {
  using L = DynamicLayout;
  constexpr uint32_t kBlockBytes = 4096;
  constexpr uint64_t kTableOffset = FooterLayout::kSize + L::kSize;
  const Bytes footer =
      Footer(4 * kBlockBytes, vpc::kDiskDynamic, FooterLayout::kSize);
  Bytes header(L::kSize);
  Put(header, L::kCookie, vpc::kDynamicCookie);
  Put(header, L::kTableOffset, kTableOffset);
  Put(header, L::kMaxTableEntries, 4);
  Put(header, L::kBlockSize, kBlockBytes);
  Seal(header, L::kChecksum);
  Bytes table(vpc::kSectorBytes, 0xff);
  Put(table, Be32{0}, 4);
  Put(table, Be32{8}, 4 + 9);
  Bytes image = footer;
  Append(image, header);
  Append(image, table);
  Append(image, Bytes(2 * (kBlockBytes + 512), 1));
  Append(image, footer);
  return image;
}

// The last byte is missing, as in images of old versions of Virtual PC.
Bytes Fixed() {
  Bytes image(512, 1);
  Append(image, Footer(512, vpc::kDiskFixed, ~uint64_t{0}));
  image.pop_back();
  return image;
}

}  // namespace

std::vector<Seed> VpcSeeds() {
  return {{"vpc_dynamic", "vpc", Dynamic(), 1536 + 16},
          {"vpc_fixed", "vpc", Fixed(), 1023}};
}

}  // namespace instar::fakes
