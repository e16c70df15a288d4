#include "lib/format/bitmap_store.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lib/format/checker.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/stored_bits.h"
#include "lib/format/target.h"
#include "lib/format/writers.h"
#include "tests/support/fake_opener.h"
#include "tests/support/memory_file.h"

namespace instar::qcow2 {
namespace {

using fakes::MemoryFile;

constexpr uint64_t kArenaBytes = 4 << 20;
constexpr uint64_t kDiskBytes = 8 << 20;
constexpr uint64_t kGranularity = 512;
constexpr uint64_t kRoom = 8;

struct Memory {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kArenaBytes);
  Arena arena{MutableBytes(bytes.data(), bytes.size())};
};

ByteView Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string TextOf(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// An image of kDiskBytes whose bitmaps change.
class Image {
 public:
  explicit Image(uint32_t version = 3) {
    Memory memory;
    CreateOptions options;
    options.size = kDiskBytes;
    options.qcow2.version = version;
    options.qcow2.cluster_size = 4096;
    const Writer& writer = *FindWriter(ByteView::Of("qcow2"));
    EXPECT_TRUE(writer.create(memory.arena, {.file = &file}, options).ok());
  }

  // Carries out `change` between opening and storing.
  template <typename Change>
  Status Edit(Change change) {
    Memory memory;
    BitmapStore* store = TRY(OpenQcow2Bitmaps(memory.arena, file, kRoom));
    TRY(store->Begin(false));
    TRY(change(*store));
    return store->Store();
  }

  // Of all bitmaps, "name granularity" with "+" where it records and "!" where
  // it is inconsistent.
  std::vector<std::string> List() {
    Memory memory;
    const auto store = OpenQcow2Bitmaps(memory.arena, file, 0);
    EXPECT_TRUE(store.ok());
    std::vector<std::string> found;
    for (uint64_t i = 0; store.ok() && i < store.value()->count(); ++i) {
      const BitmapFacts facts = store.value()->At(i);
      found.push_back(TextOf(facts.name) + ' ' +
                      std::to_string(facts.granularity) +
                      (facts.automatic ? "+" : "") + (facts.in_use ? "!" : ""));
    }
    return found;
  }

  template <typename F>
  uint64_t Header(F field) {
    const std::vector<uint8_t>& bytes = file.bytes();
    return ByteView(bytes.data(), bytes.size()).At<F>(field.offset).value();
  }

  MemoryFile file;
};

Status Add(BitmapStore& store, const std::string& name,
           uint64_t granularity = kGranularity) {
  return store.Add(Bytes(name), granularity);
}

TEST(BitmapStore, NewBitmapsAreListedBehindTheOldOnes) {
  Image image;
  const std::string old_name = "old";
  ASSERT_TRUE(
      image.Edit([&](BitmapStore& s) { return Add(s, old_name); }).ok());
  ASSERT_TRUE(image
                  .Edit([&](BitmapStore& s) -> Status {
                    TRY(Add(s, "first", 65536));
                    TRY(Add(s, "second"));
                    return s.SetRecording(ByteView::Of("second"), false);
                  })
                  .ok());
  EXPECT_EQ(image.List(), (std::vector<std::string>{"old 512+", "second 512",
                                                    "first 65536+"}));
  EXPECT_EQ(image.Header(HeaderLayout::kAutoclearFeatures), kAutoclearBitmaps);
}

TEST(BitmapStore, WithoutBitmapsNothingIsPromisedAndTheClustersAreFree) {
  Image image;
  ASSERT_TRUE(image.Edit([](BitmapStore& s) { return Add(s, "a"); }).ok());
  const uint64_t end = image.file.bytes().size();
  ASSERT_TRUE(
      image.Edit([](BitmapStore& s) { return s.Remove(ByteView::Of("a")); })
          .ok());
  EXPECT_TRUE(image.List().empty());
  EXPECT_EQ(image.Header(HeaderLayout::kAutoclearFeatures), 0u);
  ASSERT_TRUE(image.Edit([](BitmapStore& s) { return Add(s, "b"); }).ok());
  EXPECT_LE(image.file.bytes().size(), end);
}

TEST(BitmapStore, ACrashLeavesBitmapsInconsistent) {
  Image image;
  ASSERT_TRUE(image.Edit([](BitmapStore& s) { return Add(s, "a"); }).ok());
  const Status crashed = image.Edit([](BitmapStore& /*store*/) -> Status {
    return Error{.fault = Fault::kInternal};
  });
  EXPECT_FALSE(crashed.ok());
  EXPECT_EQ(image.List(), std::vector<std::string>{"a 512+!"});
  const Status changed =
      image.Edit([](BitmapStore& s) { return s.Clear(ByteView::Of("a")); });
  EXPECT_EQ(changed.error().fault, Fault::kBitmapInconsistent);
}

TEST(BitmapStore, RefusesWhatCannotBeStored) {
  Image image;
  const auto fault = [&](const std::string& name, uint64_t granularity) {
    return image.Edit([&](BitmapStore& s) { return Add(s, name, granularity); })
        .error()
        .fault;
  };
  EXPECT_EQ(fault("", 512), Fault::kBitmapNoName);
  EXPECT_EQ(fault("a", 256), Fault::kBitmapGranularity);
  EXPECT_EQ(fault("a", 1000), Fault::kBitmapGranularity);
  EXPECT_EQ(fault("a", uint64_t{1} << 32), Fault::kBitmapGranularityTooLarge);
  EXPECT_EQ(fault(std::string(1024, 'n'), 512), Fault::kBitmapNameTooLong);
  EXPECT_EQ(fault("a", 512), Fault::kNone);
  EXPECT_EQ(fault("a", 512), Fault::kBitmapExists);
  Image old_image(2);
  EXPECT_EQ(
      old_image.Edit([](BitmapStore& s) { return Add(s, "a"); }).error().fault,
      Fault::kBitmapOldVersion);
}

TEST(BitmapStore, DefaultGranularityIsTheClusterSizeFrom4KTo64K) {
  Image image;
  ASSERT_TRUE(image.Edit([](BitmapStore& s) { return Add(s, "a", 0); }).ok());
  EXPECT_EQ(image.List(), std::vector<std::string>{"a 4096+"});
}

class Problems final : public ProblemVisitor {
 public:
  Status OnProblem(const Error& /*problem*/) override { return {}; }
};

// How many clusters are referred to that are not counted so often.
uint64_t Corruptions(MemoryFile& file) {
  Memory memory;
  fakes::FakeOpener opener;
  Problems problems;
  const Checker& checker = *FindChecker(ByteView::Of("qcow2"));
  const auto result = checker.check(memory.arena, file, opener, problems);
  EXPECT_TRUE(result.ok());
  return result.ok() ? result.value().corruptions + result.value().check_errors
                     : 1;
}

TEST(BitmapStore, WhereverItEndsNoClusterIsReferredToThatIsNotCounted) {
  constexpr uint64_t kMaxAccesses = 1000;
  Image whole;
  ASSERT_TRUE(whole.Edit([](BitmapStore& s) { return Add(s, "a"); }).ok());
  ASSERT_TRUE(whole.Edit([](BitmapStore& s) { return Add(s, "b"); }).ok());
  bool done = false;
  for (uint64_t n = 0; n < kMaxAccesses && !done; ++n) {
    Image image;
    image.file.bytes() = whole.file.bytes();
    image.file.FailAt(n);
    done = image
               .Edit([](BitmapStore& s) -> Status {
                 TRY(s.Remove(ByteView::Of("a")));
                 return Add(s, "c");
               })
               .ok();
    MemoryFile left(image.file.bytes());
    EXPECT_EQ(Corruptions(left), 0u) << "access " << n;
    Memory memory;
    EXPECT_TRUE(OpenQcow2Bitmaps(memory.arena, left, 0).ok()) << "access " << n;
  }
  EXPECT_TRUE(done);
}

// A stored bitmap of one cluster, for merging.
class Stored {
 public:
  explicit Stored(const std::vector<uint64_t>& words) {
    file_.bytes().resize(3 * kCluster);
    MutableBytes bytes(file_.bytes().data(), file_.bytes().size());
    bytes.Put<Be64>(kTable, 2 * kCluster).value();
    for (uint64_t i = 0; i < words.size(); ++i) {
      bytes.Put<Le64>(2 * kCluster + i * kWordBytes, words[i]).value();
    }
    cache_ = BlockCache::Create(memory_.arena, file_, 1).value();
    reader_.Init(memory_.arena, file_, cache_, kCluster).value();
  }

  // What the bitmap of `granularity_bits` says of the first `num_words` words
  // of one of `into_bits`.
  std::vector<uint64_t> Merge(uint64_t granularity_bits, uint64_t into_bits,
                              uint64_t num_words) {
    const BitSource source = {.reader = &reader_,
                              .table_offset = kTable,
                              .table_entries = 1,
                              .shape = {.disk_bytes = kDiskBytes,
                                        .granularity_bits = granularity_bits}};
    std::vector<uint8_t> out(num_words * kWordBytes);
    const BitmapShape into = {.disk_bytes = kDiskBytes,
                              .granularity_bits = into_bits};
    EXPECT_TRUE(
        source.Merge(into, 0, MutableBytes(out.data(), out.size())).ok());
    std::vector<uint64_t> words;
    for (uint64_t i = 0; i < num_words; ++i) {
      words.push_back(
          ByteView(out.data(), out.size()).At<Le64>(i * kWordBytes).value());
    }
    return words;
  }

 private:
  static constexpr uint64_t kCluster = 4096;
  static constexpr uint64_t kTable = kCluster;

  Memory memory_;
  MemoryFile file_;
  BlockCache cache_;
  BitReader reader_;
};

TEST(BitSource, CoarseBitsCoverSeveralFineOnes) {
  // Bits 0 and 2 of 64 KiB are 16 bits of 4 KiB each.
  EXPECT_EQ(Stored({0b101}).Merge(16, 12, 2),
            (std::vector<uint64_t>{0x0000ffff0000ffff, 0}));
}

TEST(BitSource, FineBitsMakeACoarseOneEach) {
  EXPECT_EQ(Stored({1, 0, uint64_t{1} << 63}).Merge(12, 16, 1),
            std::vector<uint64_t>{1 | uint64_t{1} << 11});
}

TEST(BitSource, WhatLiesBehindTheDiskIsKeptInEqualShapesOnly) {
  // The disk has 128 bits of 64 KiB.
  Stored stored({0, 0, 0xff});
  EXPECT_EQ(stored.Merge(16, 16, 3), (std::vector<uint64_t>{0, 0, 0xff}));
  EXPECT_EQ(stored.Merge(16, 17, 1), std::vector<uint64_t>{0});
}

TEST(BitSource, BitsBehindTheDiskDoNotCount) {
  const BitmapShape shape = {.disk_bytes = 512 * 65, .granularity_bits = 9};
  uint8_t words[16] = {};
  const ByteView view(words, sizeof words);
  words[8] = 2;
  EXPECT_FALSE(HasBits(shape, 0, view));
  words[8] = 1;
  EXPECT_TRUE(HasBits(shape, 0, view));
}

}  // namespace
}  // namespace instar::qcow2
