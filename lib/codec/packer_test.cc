#include "lib/codec/packer.h"

#include <gtest/gtest.h>

#include <vector>

#include "lib/codec/unpacker.h"

namespace instar::codec {
namespace {

constexpr uint64_t kClusterBytes = 65536;

// Words that come again, as in text.
std::vector<uint8_t> Text(uint64_t size) {
  std::vector<uint8_t> bytes(size);
  uint32_t state = 1;
  for (uint64_t i = 0; i < size; ++i) {
    if (i % 7 == 0) {
      state = state * 1103515245 + 12345;
    }
    bytes[i] = static_cast<uint8_t>('a' + (state >> 16) % 20 + i % 7);
  }
  return bytes;
}

class PackerTest : public testing::TestWithParam<PackMethod> {
 protected:
  PackerTest() : memory_(16 << 20), arena_({memory_.data(), memory_.size()}) {}

  Packer& Make(uint64_t max_bytes = kClusterBytes) {
    auto packer = Packer::Create(arena_, GetParam(), max_bytes);
    EXPECT_TRUE(packer.ok());
    return *packer.value();
  }

  Status Unpack(ByteView packed, MutableBytes out) {
    auto unpacker = Unpacker::Create(arena_);
    EXPECT_TRUE(unpacker.ok());
    switch (GetParam()) {
      case PackMethod::kDeflate:
        return unpacker.value()->Inflate(packed, out);
      case PackMethod::kZlib:
        return unpacker.value()->InflateZlib(packed, out, false);
      case PackMethod::kZstd:
        break;
    }
    return unpacker.value()->Zstd(packed, out);
  }

  std::vector<uint8_t> memory_;
  Arena arena_;
};

TEST_P(PackerTest, WhatItPacksUnpacksToTheSameBytes) {
  Packer& packer = Make();
  for (const uint64_t size : {uint64_t{512}, uint64_t{4096}, kClusterBytes}) {
    const std::vector<uint8_t> plain = Text(size);
    std::vector<uint8_t> packed(size);
    const uint64_t length =
        packer.Pack({plain.data(), size}, {packed.data(), size - 1});
    ASSERT_NE(length, 0U) << size;
    ASSERT_LT(length, size);
    std::vector<uint8_t> out(size);
    ASSERT_TRUE(Unpack({packed.data(), length}, {out.data(), size}).ok());
    EXPECT_EQ(out, plain);
  }
}

TEST_P(PackerTest, BytesThatDoNotFitAreRefused) {
  Packer& packer = Make();
  const std::vector<uint8_t> plain = Text(kClusterBytes);
  std::vector<uint8_t> packed(64);
  EXPECT_EQ(
      packer.Pack({plain.data(), plain.size()}, {packed.data(), packed.size()}),
      0U);
}

TEST_P(PackerTest, TheSameBytesComeOutTheSame) {
  const std::vector<uint8_t> plain = Text(kClusterBytes);
  std::vector<uint8_t> first(kClusterBytes);
  std::vector<uint8_t> second(kClusterBytes);
  Packer& packer = Make();
  const ByteView view(plain.data(), plain.size());
  const uint64_t a = packer.Pack(view, {first.data(), first.size()});
  const uint64_t b = packer.Pack(view, {second.data(), second.size()});
  EXPECT_EQ(a, b);
  EXPECT_EQ(first, second);
}

TEST_P(PackerTest, PacksTheLargestClusters) {
  constexpr uint64_t kLargest = 2 << 20;
  Packer& packer = Make(kLargest);
  const std::vector<uint8_t> plain = Text(kLargest);
  std::vector<uint8_t> packed(kLargest);
  EXPECT_NE(
      packer.Pack({plain.data(), plain.size()}, {packed.data(), packed.size()}),
      0U);
}

INSTANTIATE_TEST_SUITE_P(Methods, PackerTest,
                         testing::Values(PackMethod::kDeflate,
                                         PackMethod::kZlib, PackMethod::kZstd));

}  // namespace
}  // namespace instar::codec
