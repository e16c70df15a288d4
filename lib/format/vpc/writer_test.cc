#include <gtest/gtest.h>

#include <cstdint>

#include "lib/format/target.h"
#include "lib/format/vpc/create.h"
#include "lib/format/vpc/header.h"
#include "lib/format/writers.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"

namespace instar::vpc {
namespace {

constexpr uint8_t kRandom[64] = {1, 2, 3};
constexpr uint64_t kMib = 1 << 20;

class VpcWriterTest : public ::testing::Test {
 protected:
  VpcWriterTest() {
    options_.size = 10 * kMib;
    options_.random = ByteView(kRandom, sizeof kRandom);
    options_.unix_time = kEpoch + 5;
  }
  Status Create() {
    return writer_.create(arena_.arena(), {.file = &file_}, options_);
  }
  Target& Open() {
    return *writer_.open(arena_.arena(), {.file = &file_}, nullptr, nullptr)
                .value();
  }
  Header Read() {
    return ReadHeader(file_, SizeRule::kGeometryUnlessKnown).value();
  }
  ByteView view() {
    return ByteView(file_.bytes().data(), file_.bytes().size());
  }

  const Writer& writer_ = *FindWriter(ByteView::Of("vpc"));
  CreateOptions options_;
  fakes::TestArena arena_;
  fakes::MemoryFile file_;
};

TEST_F(VpcWriterTest, SizeIsRoundedUpToAGeometry) {
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Read().virtual_size, uint64_t{0x12e} * 4 * 17 * 512);
  EXPECT_EQ(Open().virtual_size(), Read().virtual_size);
}

TEST_F(VpcWriterTest, ForcedSizeStays) {
  options_.block.force_size = true;
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Read().virtual_size, 10 * kMib);
}

TEST_F(VpcWriterTest, GeometryHoldsTheDisk) {
  for (uint64_t sectors = 1; sectors < kMaxGeometrySectors;
       sectors += sectors / 3 + 1) {
    EXPECT_GE(GeometryFor(sectors).sectors(), sectors);
  }
  EXPECT_EQ(GeometryFor(~uint64_t{0}).sectors(), kMaxGeometrySectors);
  EXPECT_EQ(GeometryFor(0).sectors(), 0u);
}

TEST_F(VpcWriterTest, RefusesMoreThanBlockTableReaches) {
  options_.size = kMaxDiskSectors * kSectorBytes;
  EXPECT_TRUE(Create().ok());
  options_.size += 1;
  EXPECT_EQ(Create().error().fault, Fault::kVpcCreateTooLarge);
}

TEST_F(VpcWriterTest, FooterMovesBehindTheLastBlock) {
  ASSERT_TRUE(Create().ok());
  const uint64_t old_end = file_.size() - FooterLayout::kSize;
  Target& target = Open();
  const WriteExtent extent = target.Allocate(4 * kMib + 7, 100).value();
  EXPECT_EQ(extent.host_offset, old_end + 512 + 7);
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(file_.size(), old_end + 512 + 2 * kMib + FooterLayout::kSize);
  EXPECT_EQ(view().At<Be64>(file_.size() - 512).value(), kFooterCookie);
  EXPECT_EQ(file_.bytes()[old_end], 0xff);
  const Header header = Read();
  EXPECT_EQ(view().At<Be32>(header.table_offset + 2 * kEntryBytes).value(),
            old_end / kSectorBytes);
}

TEST_F(VpcWriterTest, FixedDiskIsTheFile) {
  options_.block.fixed = true;
  ASSERT_TRUE(Create().ok());
  EXPECT_FALSE(Read().has_table);
  Target& target = Open();
  EXPECT_EQ(target.cluster_size(), 0u);
  EXPECT_EQ(target.Allocate(12345, 100).value().host_offset, 12345u);
  EXPECT_EQ(file_.size(), target.virtual_size() + FooterLayout::kSize);
}

}  // namespace
}  // namespace instar::vpc
