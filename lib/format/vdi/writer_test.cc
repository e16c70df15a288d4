#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "lib/format/target.h"
#include "lib/format/vdi/layout.h"
#include "lib/format/writers.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"

namespace instar::vdi {
namespace {

constexpr uint8_t kRandom[64] = {0xff, 0xff, 0xff, 0xff, 0xff,
                                 0xff, 0xff, 0xff, 0xff};

class VdiWriterTest : public ::testing::Test {
 protected:
  Status Create(uint64_t size, bool fixed) {
    CreateOptions options;
    options.size = size;
    options.block.fixed = fixed;
    options.random = ByteView(kRandom, sizeof kRandom);
    return writer_.create(arena_.arena(), {.file = &file_}, options);
  }
  Target& Open() {
    return *writer_.open(arena_.arena(), {.file = &file_}, nullptr, nullptr)
                .value();
  }
  ByteView view() {
    return ByteView(file_.bytes().data(), file_.bytes().size());
  }
  uint32_t Number(uint64_t offset) { return view().At<Le32>(offset).value(); }
  uint32_t Entry(uint64_t block) {
    return Number(HeaderLayout::kSize + block * kEntryBytes);
  }

  const Writer& writer_ = *FindWriter(ByteView::Of("vdi"));
  fakes::TestArena arena_;
  fakes::MemoryFile file_;
};

TEST_F(VdiWriterTest, NewDynamicImageHasNoBlocks) {
  ASSERT_TRUE(Create(3 * kBlockBytes - 1, false).ok());
  EXPECT_EQ(file_.size(), HeaderLayout::kSize + 512);
  EXPECT_EQ(Number(HeaderLayout::kNumBlocks.offset), 3u);
  EXPECT_EQ(Number(HeaderLayout::kNumAllocated.offset), 0u);
  EXPECT_EQ(Entry(2), kUnallocated);
  EXPECT_EQ(Entry(3), 0u);
}

TEST_F(VdiWriterTest, IdsAreRandomUuids) {
  ASSERT_TRUE(Create(kBlockBytes, false).ok());
  EXPECT_EQ(file_.bytes()[HeaderLayout::kImageId], 0xff);
  EXPECT_EQ(file_.bytes()[HeaderLayout::kImageId + 7], 0x4f);
  EXPECT_EQ(file_.bytes()[HeaderLayout::kImageId + 8], 0xbf);
  EXPECT_EQ(file_.bytes()[HeaderLayout::kStateId + 7], 0x40);
}

TEST_F(VdiWriterTest, NewStaticImageHasAllBlocks) {
  ASSERT_TRUE(Create(3 * kBlockBytes, true).ok());
  EXPECT_EQ(file_.size(), HeaderLayout::kSize + 512 + 3 * kBlockBytes);
  EXPECT_EQ(Number(HeaderLayout::kNumAllocated.offset), 3u);
  EXPECT_EQ(Entry(2), 2u);
}

TEST_F(VdiWriterTest, BlocksAreStoredInTheOrderOfTheirFirstWrites) {
  ASSERT_TRUE(Create(3 * kBlockBytes, false).ok());
  Target& target = Open();
  const WriteExtent second = target.Allocate(kBlockBytes + 5, 9).value();
  const WriteExtent first = target.Allocate(0, 2 * kBlockBytes).value();
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(second.host_offset, 1024u + 5);
  EXPECT_EQ(second.length, 9u);
  EXPECT_EQ(first.host_offset, 1024u + kBlockBytes);
  EXPECT_EQ(first.length, kBlockBytes);
  EXPECT_EQ(Entry(0), 1u);
  EXPECT_EQ(Entry(1), 0u);
  EXPECT_EQ(Number(HeaderLayout::kNumAllocated.offset), 2u);
}

TEST_F(VdiWriterTest, RestOfANewBlockIsClearedWhereTheFileHasBytes) {
  ASSERT_TRUE(Create(kBlockBytes, false).ok());
  file_.bytes().resize(1024 + kBlockBytes, 0x77);
  ASSERT_TRUE(Open().Allocate(100, 50).ok());
  EXPECT_EQ(file_.bytes()[1024 + 99], 0);
  EXPECT_EQ(file_.bytes()[1024 + 100], 0x77);
  EXPECT_EQ(file_.bytes()[1024 + 150], 0);
}

TEST_F(VdiWriterTest, RefusesDisksThatTheMapCannotHold) {
  EXPECT_EQ(Create(kMaxDiskBytes + 1, false).error().fault, Fault::kVdiSize);
}

}  // namespace
}  // namespace instar::vdi
