#include "lib/format/qcow2/header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/memory_file.h"
#include "tests/support/qcow2_seed.h"
#include "tests/support/test_arena.h"

namespace instar::qcow2 {
namespace {

using fakes::Qcow2Seed;

struct Outcome {
  Fault fault = Fault::kNone;
  uint64_t value = 0;
  std::string text;
};

Outcome Read(Qcow2Seed& seed, Header* header = nullptr) {
  fakes::TestArena arena;
  fakes::MemoryFile file(seed.bytes());
  BlockCache cache = BlockCache::Create(arena.arena(), file, 1).value();
  const auto result = ReadHeader(cache, arena.arena());
  if (result.ok()) {
    if (header != nullptr) {
      *header = result.value();
    }
    return {};
  }
  const Error& error = result.error();
  const ByteView text = Text(error);
  return {error.fault, error.value,
          std::string(text.data(), text.data() + text.size())};
}

struct Poke {
  uint64_t offset;
  uint64_t size;
  uint64_t value;
  Fault fault;
};

TEST(HeaderTest, ReadsEveryField) {
  Qcow2Seed seed(16);
  seed.SetBackingFile("base");
  seed.Put(80, 1, 8);
  Header header;
  ASSERT_EQ(Read(seed, &header).fault, Fault::kNone);
  EXPECT_EQ(header.version, 3u);
  EXPECT_EQ(header.cluster_size(), 65536u);
  EXPECT_EQ(header.virtual_size(), seed.virtual_size());
  EXPECT_EQ(header.backing_file_bytes, 4u);
  EXPECT_EQ(header.num_l1_entries, 1u);
  EXPECT_EQ(header.l1_offset, 65536u);
  EXPECT_EQ(header.compatible, 1u);
  EXPECT_EQ(header.refcount_order, 4u);
  EXPECT_EQ(header.header_length, 104u);
}

TEST(HeaderTest, TakesVersion2WithoutTheLaterFields) {
  Qcow2Seed seed(16, 2);
  seed.Put(72, 0xffffffff00000000, 8);  // an extension, not features
  seed.Put(76, 0, 4);
  Header header;
  ASSERT_EQ(Read(seed, &header).fault, Fault::kNone);
  EXPECT_EQ(header.incompatible, 0u);
  EXPECT_EQ(header.header_length, 72u);
}

TEST(HeaderTest, RefusesWhatQemuImgRefuses) {
  const Poke pokes[] = {
      {0, 4, 0, Fault::kNotInFormat},
      {4, 4, 1, Fault::kQcow2Version},
      {4, 4, 4, Fault::kQcow2Version},
      {8, 8, 0x10001, Fault::kQcow2BackingNameOffset},
      {20, 4, 8, Fault::kQcow2ClusterBits},
      {20, 4, 22, Fault::kQcow2ClusterBits},
      {24, 8, 0x7fffffffffffffff, Fault::kQcow2ImageTooBig},
      {24, 8, uint64_t{1} << 40, Fault::kQcow2L1TooSmall},
      {32, 4, 3, Fault::kQcow2CryptMethod},
      {36, 4, 0xffffffff, Fault::kQcow2L1TooLarge},
      {36, 4, 0, Fault::kQcow2L1TooSmall},
      {40, 8, 0x30001, Fault::kQcow2L1Offset},
      {40, 8, 0x7fffffffffff0000, Fault::kQcow2L1Read},
      {40, 8, 0xffffffffffff0000, Fault::kQcow2L1Offset},
      {48, 8, 0x10001, Fault::kQcow2ReftableOffset},
      {56, 4, 0, Fault::kQcow2ReftableMissing},
      {56, 4, 129, Fault::kQcow2ReftableTooLarge},
      {60, 4, 65537, Fault::kQcow2SnapshotsTooLarge},
      {64, 8, 8, Fault::kQcow2SnapshotOffset},
      {72, 8, 8, Fault::kQcow2CompressionBitSet},
      {72, 8, 32, Fault::kQcow2UnknownFeatures},
      {96, 4, 7, Fault::kQcow2RefcountOrder},
      {100, 4, 103, Fault::kQcow2HeaderTooShort},
      {100, 4, 65537, Fault::kQcow2HeaderLength},
  };
  for (const Poke& poke : pokes) {
    Qcow2Seed seed(16);
    seed.Put(poke.offset, poke.value, poke.size);
    EXPECT_EQ(Read(seed).fault, poke.fault)
        << "field at " << poke.offset << " = " << poke.value;
  }
}

TEST(HeaderTest, ChecksTheCompressionTypeAgainstItsFeatureBit) {
  Qcow2Seed seed(16);
  seed.Put(100, 112, 4);
  EXPECT_EQ(Read(seed).fault, Fault::kNone);
  seed.Put(104, 1, 1);
  EXPECT_EQ(Read(seed).fault, Fault::kQcow2CompressionBitMissing);
  seed.Put(72, kIncompatibleCompression, 8);
  EXPECT_EQ(Read(seed).fault, Fault::kNone);
  seed.Put(104, 2, 1);
  EXPECT_EQ(Read(seed).fault, Fault::kQcow2CompressionType);
}

TEST(HeaderTest, WantsSubclustersOf512BytesOrMore) {
  Qcow2Seed small(13);
  small.Put(72, kIncompatibleExtendedL2, 8);
  const Outcome outcome = Read(small);
  EXPECT_EQ(outcome.fault, Fault::kQcow2ExtendedL2Cluster);
  EXPECT_EQ(outcome.value, 256u);
  Qcow2Seed enough(14);
  enough.Put(72, kIncompatibleExtendedL2, 8);
  EXPECT_EQ(Read(enough).fault, Fault::kNone);
}

TEST(HeaderTest, NamesUnknownFeaturesAsTheImageDoes) {
  Qcow2Seed seed(16);
  std::vector<uint8_t> table(3 * 48);
  const auto name = [&table](uint64_t i, uint8_t type, uint8_t bit, char c) {
    table[i * 48] = type;
    table[i * 48 + 1] = bit;
    table[i * 48 + 2] = static_cast<uint8_t>(c);
  };
  name(0, 0, 40, 'x');
  name(1, 1, 41, 'n');  // of the compatible features
  name(2, 0, 42, 'y');
  seed.AddExtension(kExtensionFeatureNames, table);
  seed.Put(72, uint64_t{7} << 40, 8);
  const Outcome outcome = Read(seed);
  EXPECT_EQ(outcome.fault, Fault::kQcow2UnknownFeatures);
  EXPECT_EQ(outcome.text, "x, y");
  EXPECT_EQ(outcome.value, uint64_t{1} << 41);
}

TEST(HeaderTest, RoundsTheSizeDownToSectors) {
  Qcow2Seed seed(16);
  seed.Put(24, 1000, 8);
  Header header;
  ASSERT_EQ(Read(seed, &header).fault, Fault::kNone);
  EXPECT_EQ(header.virtual_size(), 512u);
}

}  // namespace
}  // namespace instar::qcow2
