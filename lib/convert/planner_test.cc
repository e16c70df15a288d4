#include "lib/convert/planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/memory_file.h"

namespace instar::convert {
namespace {

constexpr uint64_t kCluster = 65536;

// An image given as a string of clusters: 'd' data, 'z' zero, '.' not
// allocated.
class StringImage final : public Image {
 public:
  StringImage(File& file, const std::string& clusters, uint64_t size)
      : Image(file, {.format = ByteView::Of("string"),
                     .virtual_size = size,
                     .cluster_size = kCluster}),
        clusters_(clusters) {}

  Result<Extent> Locate(uint64_t offset, uint64_t length, bool) override {
    if (offset >= virtual_size()) {
      return Extent{.flags = kExtentEof};
    }
    const char kind = clusters_[offset / kCluster];
    uint64_t end = offset;
    while (end < virtual_size() && clusters_[end / kCluster] == kind) {
      end = (end / kCluster + 1) * kCluster;
    }
    end = std::min({end, virtual_size(), offset + length});
    Extent extent = {.length = end - offset};
    if (kind == 'd') {
      extent.flags = kExtentData | kExtentAllocated | kExtentOffset;
      extent.file = file_;
      extent.host_offset = offset;
    } else if (kind == 'z') {
      extent.flags = kExtentZero | kExtentAllocated;
    }
    return extent;
  }
  Status Unpack(ByteView, MutableBytes, codec::Unpacker&) const override {
    return Error{.fault = Fault::kUnsupported};
  }
  Status List(FactsVisitor&) override { return {}; }

 private:
  std::string clusters_;
};

// All chunks, as "kind position+length", in units of KiB.
std::string Plan(const std::vector<Image*>& sources,
                 const PlanOptions& options) {
  Planner planner(std::span<Image* const>(sources.data(), sources.size()),
                  options);
  std::string out;
  uint64_t expected = 0;
  while (!planner.AtEnd()) {
    const auto chunk = planner.Next();
    if (!chunk.ok()) {
      return "error";
    }
    EXPECT_EQ(chunk.value().position, expected);
    expected += chunk.value().length;
    const char* kinds = "dzb";
    out += kinds[static_cast<int>(chunk.value().kind)];
    out += std::to_string(chunk.value().position / 1024) + "+" +
           std::to_string(chunk.value().length / 1024) + " ";
  }
  EXPECT_EQ(expected, planner.total_bytes());
  return out;
}

class PlannerTest : public testing::Test {
 protected:
  fakes::MemoryFile file_;
};

TEST_F(PlannerTest, RunsOfOneKindAreChunks) {
  StringImage image(file_, "ddzzd", 5 * kCluster);
  EXPECT_EQ(Plan({&image}, {}), "d0+128 z128+128 d256+64 ");
}

TEST_F(PlannerTest, DataIsCutAtTheBuffer) {
  StringImage image(file_, std::string(40, 'd'), 40 * kCluster);
  EXPECT_EQ(Plan({&image}, {}), "d0+2048 d2048+512 ");
}

TEST_F(PlannerTest, ZeroesAreCutOnlyWhenTheyAreData) {
  StringImage image(file_, std::string(40, 'z'), 40 * kCluster);
  EXPECT_EQ(Plan({&image}, {}), "z0+2560 ");
  EXPECT_EQ(Plan({&image}, {.zeroes_are_data = true}), "z0+2048 z2048+512 ");
}

TEST_F(PlannerTest, ATailShorterThanAClusterIsAChunkOfItsOwn) {
  StringImage image(file_, "ddd", 2 * kCluster + 1024);
  EXPECT_EQ(Plan({&image}, {}), "d0+128 d128+1 ");
}

TEST_F(PlannerTest, SourcesFollowEachOther) {
  StringImage first(file_, "dz", 2 * kCluster);
  StringImage second(file_, "d", kCluster);
  EXPECT_EQ(Plan({&first, &second}, {}), "d0+64 z64+64 d128+64 ");
}

TEST_F(PlannerTest, WhatTheBackingFileHoldsIsLeftToIt) {
  StringImage base(file_, "dddd", 4 * kCluster);
  StringImage top(file_, ".d.z", 4 * kCluster);
  top.set_backing(&base);
  EXPECT_EQ(Plan({&top}, {.target_has_backing = true}),
            "b0+64 d64+64 b128+64 z192+64 ");
}

TEST_F(PlannerTest, ZeroesBehindTheTargetsBackingFileAreLeftOut) {
  StringImage base(file_, "dddd", 4 * kCluster);
  StringImage top(file_, "zzzz", 4 * kCluster);
  top.set_backing(&base);
  EXPECT_EQ(Plan({&top}, {.target_has_backing = true,
                          .target_backing_sectors = 2 * kCluster / 512}),
            "z0+128 b128+128 ");
}

TEST_F(PlannerTest, ZeroesThatMakeNoWholeClusterCountAsData) {
  StringImage image(file_, "z", kCluster);
  Image* const images[] = {&image};
  const Planner plain(images, {});
  const Planner packed(images, {.cluster_sectors = kCluster / 512});
  const Planner full(images, {.zeroes_are_data = true});
  const Chunk whole = {.length = kCluster, .kind = ChunkKind::kZero};
  const Chunk tail = {.length = 512, .kind = ChunkKind::kZero};
  EXPECT_FALSE(plain.CountsAsData(tail));
  EXPECT_FALSE(packed.CountsAsData(whole));
  EXPECT_TRUE(packed.CountsAsData(tail));
  EXPECT_TRUE(full.CountsAsData(whole));
}

}  // namespace
}  // namespace instar::convert
