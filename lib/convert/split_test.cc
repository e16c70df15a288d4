#include "lib/convert/split.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace instar::convert {
namespace {

// The pieces of a buffer given as a string of sectors: 'x' holds data, '.' is
// zero. Each piece is shown as its length in sectors, with 'd' or 'z'.
std::string Split(const std::string& sectors, const SplitRule& rule,
                  uint64_t first_sector = 0) {
  std::vector<uint8_t> bytes;
  for (const char c : sectors) {
    bytes.insert(bytes.end(), kSectorBytes, c == 'x' ? 0xaa : 0);
  }
  std::string out;
  uint64_t done = 0;
  while (done < sectors.size()) {
    const ByteView rest(bytes.data() + done * kSectorBytes,
                        (sectors.size() - done) * kSectorBytes);
    const Piece piece = FirstPiece(rest, first_sector + done, rule);
    out += std::to_string(piece.num_sectors) + (piece.data ? "d" : "z") + " ";
    done += piece.num_sectors;
  }
  return out;
}

const SplitRule kFourKiB = RuleFor(8, false);

TEST(Split, ABufferOfOneKindIsOnePiece) {
  EXPECT_EQ(Split("xxxxxxxxxx", kFourKiB), "10d ");
  EXPECT_EQ(Split("..........", kFourKiB), "10z ");
}

TEST(Split, ZeroesAtTheStartAreSplitOff) {
  EXPECT_EQ(Split("........xxxxxxxx", kFourKiB), "8z 8d ");
}

TEST(Split, ZeroRunsEndAtTheAlignment) {
  EXPECT_EQ(Split("...........xxxxx", kFourKiB), "8z 8d ");
}

TEST(Split, AZeroRunBeforeTheFirstBoundaryIsData) {
  EXPECT_EQ(Split("...xxxxxxxxxxxxx", kFourKiB), "16d ");
}

TEST(Split, DataGrowsToTheAlignment) {
  EXPECT_EQ(Split("x.......................", kFourKiB), "8d 16z ");
}

TEST(Split, ShortHolesBehindDataAreWritten) {
  EXPECT_EQ(Split("xxxxxxxx....xxxx........", kFourKiB), "16d 8z ");
}

TEST(Split, LongerMinimumSwallowsLongerHoles) {
  const SplitRule rule = RuleFor(24, false);
  EXPECT_EQ(rule.alignment_sectors, 16U);
  EXPECT_EQ(Split("xxxxxxxxxxxxxxxx................xxxxxxxxxxxxxxxx", rule),
            "48d ");
}

TEST(Split, TheRestOfABufferIsEnoughOfAHole) {
  const SplitRule rule = RuleFor(128, false);
  EXPECT_EQ(Split(std::string(8, '.'), rule), "8z ");
}

TEST(Split, ZeroMinimumWritesEverything) {
  EXPECT_EQ(Split("....xxxx....", RuleFor(0, false)), "12d ");
}

TEST(Split, AlignmentCountsFromTheImagesStart) {
  EXPECT_EQ(Split("............xxxx", kFourKiB, 4), "12z 4d ");
}

TEST(Split, Before7TheEndOfAUniformBufferIsCut) {
  EXPECT_EQ(Split("..........", RuleFor(8, true)), "8z 2d ");
}

TEST(IsZero, SeesEveryByte) {
  std::vector<uint8_t> bytes(200, 0);
  EXPECT_TRUE(IsZero({bytes.data(), bytes.size()}));
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = 1;
    EXPECT_FALSE(IsZero({bytes.data(), bytes.size()})) << i;
    bytes[i] = 0;
  }
}

}  // namespace
}  // namespace instar::convert
