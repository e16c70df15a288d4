#include "lib/format/vhdx/log.h"

#include <gtest/gtest.h>

#include "lib/format/chain.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/test_arena.h"
#include "tests/support/vhdx_seed.h"

namespace instar::vhdx {
namespace {

using fakes::MemoryFile;
using fakes::VhdxSeed;

constexpr uint64_t kBlock = 1 << 20;

// The images' second block is not present; what the logs say of it differs.
class VhdxLogTest : public ::testing::Test {
 protected:
  Result<Image*> Open(bool replay) {
    file_.bytes() = seed_.bytes();
    arena_.arena().Rewind(0);
    return OpenImage(arena_.arena(), file_, ByteView::Of("vhdx"), {}, opener_,
                     {.replay_log = replay});
  }
  // An entry that makes a block of the disk the stored one.
  VhdxSeed::Entry Maps(uint64_t sequence_number, uint32_t tail,
                       uint64_t block) {
    return {.sequence_number = sequence_number,
            .tail = tail,
            .pieces = {{.offset = VhdxSeed::kBatOffset,
                        .data = seed_.BatSector(block, Stored())}}};
  }
  uint64_t Stored() const {
    return seed_.block_offset() | kPayloadFullyPresent;
  }
  bool IsStored(uint64_t block) {
    const auto image = Open(true);
    EXPECT_TRUE(image.ok());
    const auto extent = image.value()->Locate(block * kBlock, 1, false);
    return extent.ok() && (extent.value().flags & kExtentData) != 0;
  }
  Fault FaultOf(bool replay) {
    const auto image = Open(replay);
    return image.ok() ? Fault::kNone : image.error().fault;
  }

  VhdxSeed seed_{true};
  fakes::TestArena arena_;
  fakes::FakeOpener opener_;
  MemoryFile file_;
};

TEST_F(VhdxLogTest, AnEmptyLogChangesNothing) {
  EXPECT_EQ(FaultOf(false), Fault::kNone);
  EXPECT_FALSE(IsStored(1));
}

TEST_F(VhdxLogTest, ALogWithAnEntryIsRefusedUnlessItIsReplayed) {
  seed_.PutLogEntry(0, Maps(1, 0, 1));
  EXPECT_EQ(FaultOf(false), Fault::kVhdxLogDirty);
  EXPECT_TRUE(IsStored(1));
  EXPECT_FALSE(IsStored(2));
}

TEST_F(VhdxLogTest, ATornEntryIsNone) {
  seed_.PutLogEntry(4096, Maps(1, 4096, 1));
  seed_.bytes()[VhdxSeed::kLogOffset + 3 * 4096 - 1] ^= 1;
  EXPECT_EQ(FaultOf(false), Fault::kNone);
  EXPECT_FALSE(IsStored(1));
}

TEST_F(VhdxLogTest, AnEntryMayGoAroundTheEnd) {
  constexpr uint32_t kAt = VhdxSeed::kLogBytes - 4096;
  seed_.PutLogEntry(kAt, Maps(1, kAt, 3));
  EXPECT_TRUE(IsStored(3));
}

TEST_F(VhdxLogTest, LaterEntriesWinOverEarlierOnes) {
  seed_.PutLogEntry(0, Maps(5, 0, 1));
  seed_.PutLogEntry(8192, Maps(6, 0, 2));
  EXPECT_FALSE(IsStored(1));
  EXPECT_TRUE(IsStored(2));
}

TEST_F(VhdxLogTest, EntriesBeforeTheTailAreDone) {
  seed_.PutLogEntry(0, Maps(5, 0, 1));
  seed_.PutLogEntry(8192, {.sequence_number = 6, .tail = 8192, .pieces = {}});
  EXPECT_FALSE(IsStored(1));
}

TEST_F(VhdxLogTest, TheNewerSequenceCounts) {
  seed_.PutLogEntry(0, Maps(5, 0, 1));
  seed_.PutLogEntry(16384, Maps(9, 16384, 2));
  EXPECT_TRUE(IsStored(2));
  EXPECT_FALSE(IsStored(1));
}

TEST_F(VhdxLogTest, ASequenceWithoutItsTailIsDamaged) {
  seed_.PutLogEntry(0, Maps(5, 4096, 1));
  EXPECT_EQ(FaultOf(true), Fault::kVhdxLogDamaged);
}

TEST_F(VhdxLogTest, AFileShorterThanWhenTheLogWasWrittenIsDamaged) {
  VhdxSeed::Entry entry = Maps(5, 0, 1);
  entry.flushed_file_offset = 3 * kBlock + 1;
  seed_.PutLogEntry(0, entry);
  EXPECT_EQ(FaultOf(true), Fault::kVhdxLogDamaged);
}

TEST_F(VhdxLogTest, ZeroesAreReplayed) {
  seed_.PutLogEntry(0, {.sequence_number = 1,
                        .tail = 0,
                        .pieces = {{.offset = VhdxSeed::kBatOffset,
                                    .data = {},
                                    .zero_length = 4096}}});
  EXPECT_FALSE(IsStored(0));
}

// qemu cannot read such an entry.
TEST_F(VhdxLogTest, DescriptorsMayFillSeveralSectors) {
  VhdxSeed::Entry entry = Maps(1, 0, 1);
  for (uint64_t i = 0; i < 200; ++i) {
    entry.pieces.push_back({.offset = 0x60000, .data = {}, .zero_length = 0});
  }
  entry.pieces.push_back(
      {.offset = VhdxSeed::kBatOffset, .data = seed_.BatSector(2, Stored())});
  seed_.PutLogEntry(0, entry);
  EXPECT_EQ(FaultOf(false), Fault::kVhdxLogDescriptor);
  EXPECT_TRUE(IsStored(2));
  EXPECT_FALSE(IsStored(1));
}

TEST_F(VhdxLogTest, TheEndsOfASectorComeFromItsDescriptor) {
  std::vector<uint8_t> sector = seed_.BatSector(0, Stored());
  sector[4095] = 0x77;  // the last entry that the BAT has room for
  seed_.PutLogEntry(
      0, {.sequence_number = 1,
          .tail = 0,
          .pieces = {{.offset = VhdxSeed::kBatOffset, .data = sector}}});
  EXPECT_TRUE(IsStored(0));
  EXPECT_FALSE(IsStored(1));
}

TEST_F(VhdxLogTest, BlocksThatTheLogWritesAreRefused) {
  seed_.PutLogEntry(0, {.sequence_number = 1,
                        .tail = 0,
                        .pieces = {{.offset = seed_.block_offset(),
                                    .data = {},
                                    .zero_length = 4096}}});
  const auto image = Open(true);
  ASSERT_TRUE(image.ok());
  const auto extent = image.value()->Locate(0, 1, false);
  ASSERT_FALSE(extent.ok());
  EXPECT_EQ(extent.error().fault, Fault::kVhdxLogHoldsData);
}

}  // namespace
}  // namespace instar::vhdx
