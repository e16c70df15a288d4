#include <gtest/gtest.h>

#include <cstdint>

#include "lib/format/target.h"
#include "lib/format/vhdx/header.h"
#include "lib/format/vhdx/layout.h"
#include "lib/format/vhdx/structure.h"
#include "lib/format/writers.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"

namespace instar::vhdx {
namespace {

constexpr uint8_t kRandom[64] = {1, 2, 3};
constexpr uint64_t kBatOffset = 2 * kMib;
constexpr uint64_t kDataOffset = 8 * kMib;

class VhdxWriterTest : public ::testing::Test {
 protected:
  VhdxWriterTest() {
    options_.size = 5 * kMib;
    options_.random = ByteView(kRandom, sizeof kRandom);
    options_.block.block_size = kMib;
    options_.block.creator = ByteView::Of("QEMU v1");
  }
  Status Create() {
    return writer_.create(arena_.arena(), {.file = &file_}, options_);
  }
  Target& Open() {
    return *writer_.open(arena_.arena(), {.file = &file_}, nullptr, nullptr)
                .value();
  }
  ByteView view() {
    return ByteView(file_.bytes().data(), file_.bytes().size());
  }
  uint64_t Entry(uint64_t index) {
    return view().At<Le64>(kBatOffset + index * kBatEntryBytes).value();
  }

  const Writer& writer_ = *FindWriter(ByteView::Of("vhdx"));
  CreateOptions options_;
  fakes::TestArena arena_;
  fakes::MemoryFile file_;
};

TEST_F(VhdxWriterTest, NewImageOpens) {
  ASSERT_TRUE(Create().ok());
  Structure structure;
  ASSERT_TRUE(OpenStructure(arena_.arena(), file_, false, structure).ok());
  EXPECT_EQ(structure.parameters.virtual_size, 5 * kMib);
  EXPECT_EQ(structure.parameters.block_bytes, kMib);
  EXPECT_EQ(structure.regions.bat().offset, kBatOffset);
  EXPECT_EQ(file_.size(), kDataOffset);
  EXPECT_EQ(Entry(4), uint64_t{kPayloadZero});
  EXPECT_EQ(Entry(5), 0u);
}

TEST_F(VhdxWriterTest, FixedImageWithoutZeroBlocksHasAllBlocks) {
  options_.block.fixed = true;
  options_.block.block_state_zero = false;
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Entry(4), (kDataOffset + 4 * kMib) | kPayloadFullyPresent);
  EXPECT_EQ(file_.size(), kDataOffset + 5 * kMib);
  EXPECT_EQ(Open().cluster_size(), 0u);
}

TEST_F(VhdxWriterTest, EachNewBlockLeavesAnEntryInTheLog) {
  ASSERT_TRUE(Create().ok());
  const uint64_t before =
      ReadHeader(file_, arena_.arena()).value().sequence_number;
  Target& target = Open();
  EXPECT_EQ(target.Allocate(3 * kMib + 1, 9).value().host_offset,
            kDataOffset + 1);
  EXPECT_EQ(target.Allocate(0, 2 * kMib).value().host_offset,
            kDataOffset + kMib);
  ASSERT_TRUE(target.Finish().ok());
  EXPECT_EQ(file_.size(), kDataOffset + 2 * kMib);
  EXPECT_EQ(Entry(0), (kDataOffset + kMib) | kPayloadFullyPresent);
  const uint64_t second = kHeaderSectionBytes + 2 * kLogSectorBytes;
  EXPECT_EQ(view().At<Le32>(second).value(), kLogEntrySignature);
  EXPECT_EQ(
      view().At<Le64>(second + LogEntryLayout::kSequenceNumber.offset).value(),
      2u);
  const Header header = ReadHeader(file_, arena_.arena()).value();
  EXPECT_TRUE(header.log_guid.IsZero());
  EXPECT_EQ(header.sequence_number, before + 2 + 4 * 2);
}

TEST_F(VhdxWriterTest, NothingWrittenLeavesTheHeaders) {
  ASSERT_TRUE(Create().ok());
  const auto before = file_.bytes();
  ASSERT_TRUE(Open().Finish().ok());
  EXPECT_EQ(file_.bytes(), before);
}

TEST_F(VhdxWriterTest, SizesAreChecked) {
  options_.block.block_size = 3 * kMib;
  EXPECT_EQ(Create().error().fault, Fault::kVhdxCreateBlockSize);
  options_.block.log_size = uint64_t{4} << 30;
  EXPECT_EQ(Create().error().fault, Fault::kVhdxCreateLogSize);
  options_.size = (uint64_t{64} << 40) + 1;
  EXPECT_EQ(Create().error().fault, Fault::kVhdxCreateSize);
}

}  // namespace
}  // namespace instar::vhdx
