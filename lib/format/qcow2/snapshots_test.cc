// Reading an image as an internal snapshot has it.
#include "lib/format/qcow2/snapshots.h"

#include <gtest/gtest.h>

#include "lib/format/chain.h"
#include "lib/format/qcow2/layout.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"
#include "tests/support/qcow2_seed.h"
#include "tests/support/test_arena.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kCluster = 4096;
constexpr uint64_t kTable = 5 * kCluster;  // of snapshots
// A record of an id and a name of one byte each, with what fills it up.
constexpr uint64_t kRecordBytes = SnapshotLayout::kSize + 24 + 8;
constexpr uint64_t kOldL1 = 9 * kCluster;
constexpr uint64_t kOldL2 = 10 * kCluster;

// The present state has data in the first cluster, the snapshots have it in
// the second one.
class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() {
    seed_.PutL2Entry(0, kEntryCopied | 8 * kCluster);
    seed_.bytes().resize(12 * kCluster);
    seed_.Put(kOldL1, kEntryCopied | kOldL2, 8);
    seed_.Put(kOldL2 + 8, kEntryCopied | 11 * kCluster, 8);
  }

  void Add(const std::string& id, const std::string& name) {
    const uint64_t at = next_;
    seed_.AddSnapshot(id, name);
    seed_.Put(at, kOldL1, 8);
    seed_.Put(at + 8, 1, 4);
    next_ += kRecordBytes;
  }

  Fault Select(const SnapshotChoice& choice) {
    file_.bytes() = seed_.bytes();
    const auto image = OpenImage(arena_.arena(), file_, ByteView::Of("qcow2"),
                                 {}, opener_, {});
    EXPECT_TRUE(image.ok());
    image_ = image.value();
    return image_->SelectSnapshot(choice).error().fault;
  }
  bool HasData(uint64_t cluster) {
    const auto extent = image_->Locate(cluster * kCluster, kCluster, false);
    return extent.ok() && (extent.value().flags & kExtentData) != 0;
  }

  fakes::Qcow2Seed seed_;
  fakes::TestArena arena_;
  fakes::MemoryFile file_;
  fakes::FakeOpener opener_;
  Image* image_ = nullptr;
  uint64_t next_ = kTable;
};

SnapshotChoice Either(ByteView text) {
  return {.either = true, .id = text};
}

TEST_F(SnapshotTest, ShowsTheTablesOfTheSnapshot) {
  Add("1", "a");
  EXPECT_EQ(Select(Either(ByteView::Of("a"))), Fault::kNone);
  EXPECT_FALSE(HasData(0));
  EXPECT_TRUE(HasData(1));
  EXPECT_EQ(image_->virtual_size(), seed_.virtual_size());
}

TEST_F(SnapshotTest, TakesATextForAnIdFirst) {
  Add("2", "1");
  Add("1", "x");
  seed_.Put(kTable, kOldL1 + 1, 8);  // the one with that name is broken
  EXPECT_EQ(Select(Either(ByteView::Of("1"))), Fault::kNone);
}

TEST_F(SnapshotTest, TakesATextForANameWhereTheIdsTableIsMisplaced) {
  Add("1", "x");
  Add("2", "1");
  seed_.Put(kTable, kOldL1 + 1, 8);
  EXPECT_EQ(Select(Either(ByteView::Of("1"))), Fault::kNone);
  EXPECT_EQ(Select(Either(ByteView::Of("x"))), Fault::kQcow2SnapshotL1Offset);
}

TEST_F(SnapshotTest, WantsEveryPartThatIsGiven) {
  Add("1", "a");
  const ByteView one = ByteView::Of("1");
  const ByteView a = ByteView::Of("a");
  EXPECT_EQ(Select({.has_id = true, .has_name = true, .id = one, .name = a}),
            Fault::kNone);
  EXPECT_EQ(Select({.has_id = true, .has_name = true, .id = a, .name = a}),
            Fault::kSnapshotMissing);
  EXPECT_EQ(Select({.has_name = true, .name = a}), Fault::kNone);
  EXPECT_EQ(Select({.has_name = true, .name = one}), Fault::kSnapshotMissing);
}

TEST_F(SnapshotTest, RefusesATableThatIsTooLarge) {
  Add("1", "a");
  seed_.Put(kTable + 8, kMaxL1Bytes / kL1EntryBytes + 1, 4);
  EXPECT_EQ(Select(Either(ByteView::Of("1"))), Fault::kQcow2SnapshotL1TooLarge);
}

TEST_F(SnapshotTest, ATableThatIsTooShortLeavesTheRestEmpty) {
  Add("1", "a");
  seed_.Put(kTable + 8, 0, 4);
  EXPECT_EQ(Select(Either(ByteView::Of("1"))), Fault::kNone);
  EXPECT_FALSE(HasData(0));
  EXPECT_FALSE(HasData(1));
}

TEST_F(SnapshotTest, OtherFormatsHaveNone) {
  const auto image =
      OpenImage(arena_.arena(), file_, ByteView::Of("raw"), {}, opener_, {});
  EXPECT_EQ(image.value()->SelectSnapshot(Either({})).error().fault,
            Fault::kSnapshotUnsupported);
}

}  // namespace
}  // namespace instar::qcow2
