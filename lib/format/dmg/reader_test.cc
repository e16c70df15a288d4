#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/format/chain.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/seeds/seeds.h"
#include "tests/support/test_arena.h"

namespace instar::dmg {
namespace {

class DmgReaderTest : public ::testing::TestWithParam<fakes::Seed> {
 protected:
  DmgReaderTest() : file_(GetParam().bytes) {}

  Image& Open() {
    return *OpenImage(arena_.arena(), file_, {}, ByteView::Of("a.dmg"), opener_,
                      {})
                .value();
  }

  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;
};

TEST_P(DmgReaderTest, FindsTheChunksOfAllPartitions) {
  Image& image = Open();
  EXPECT_EQ(image.virtual_size(), 8192u);
  EXPECT_EQ(image.facts().max_cluster_bytes, 2048u);
  for (const uint64_t base : {uint64_t{0}, uint64_t{4096}}) {
    const Extent packed = image.Locate(base + 700, 8192, false).value();
    EXPECT_EQ(packed.length, 1348u);
    EXPECT_NE(packed.flags & kExtentCompressed, 0u);
    EXPECT_EQ(packed.cluster_offset, 700u);
    EXPECT_EQ(packed.cluster_bytes, 2048u);
    EXPECT_EQ(packed.stored_bytes, 60u);
    const Extent raw = image.Locate(base + 2048, 8192, false).value();
    EXPECT_EQ(raw.length, 512u);
    EXPECT_EQ(raw.host_offset, packed.host_offset + 60);
    const Extent zero = image.Locate(base + 2560, 100, false).value();
    EXPECT_EQ(zero.length, 100u);
    EXPECT_NE(zero.flags & kExtentZero, 0u);
  }
}

TEST_P(DmgReaderTest, BlockStatusKnowsOnlyData) {
  const Extent extent = Open().Locate(512, 1 << 20, true).value();
  EXPECT_EQ(extent.length, 7680u);
  EXPECT_EQ(extent.flags, kExtentData | kExtentAllocated | kExtentEof);
}

TEST_P(DmgReaderTest, OnlyTheNameTellsTheFormat) {
  const ByteView head(file_.bytes().data(), 512);
  EXPECT_TRUE(
      Probe(head, ByteView::Of("b.dmg")).name.Equals(ByteView::Of("dmg")));
  EXPECT_TRUE(
      Probe(head, ByteView::Of(".dmg")).name.Equals(ByteView::Of("raw")));
}

INSTANTIATE_TEST_SUITE_P(Seeds, DmgReaderTest,
                         ::testing::ValuesIn(fakes::DmgSeeds()),
                         [](const auto& seed) { return seed.param.name; });

}  // namespace
}  // namespace instar::dmg
