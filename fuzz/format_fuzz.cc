// Opens the input as an image of one format, FUZZ_FORMAT, and does with it all
// that the format offers: extents, packed clusters, snapshots, bitmaps, check.
// The input is also every file that the image refers to. One program a format,
// see fuzz.mk.
//
// Input: one byte of options, then the image.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/arena.h"
#include "lib/codec/unpacker.h"
#include "lib/format/chain.h"
#include "lib/format/checker.h"
#include "lib/format/image.h"
#include "tests/support/memory_file.h"

namespace instar {

namespace {

constexpr uint64_t kArenaBytes = 24 << 20;
constexpr int kMaxExtents = 500;
// References of one input to itself.
constexpr int kMaxOpens = 4;

class SelfOpener final : public Opener {
 public:
  SelfOpener(const std::vector<uint8_t>& image, bool refuses)
      : image_(image), refuses_(refuses) {}

  Result<File*> Open(const File& /*from*/, ReferenceRole /*role*/,
                     ByteView /*name*/, ByteView /*format*/) override {
    if (refuses_ || files_.size() == kMaxOpens) {
      return Error{.fault = Fault::kReferenceRefused};
    }
    files_.reserve(kMaxOpens);
    files_.emplace_back(image_, static_cast<uint32_t>(files_.size() + 1));
    return &files_.back();
  }

 private:
  const std::vector<uint8_t>& image_;
  bool refuses_;
  std::vector<fakes::MemoryFile> files_;
};

class IgnoringVisitor final : public FactsVisitor {
 public:
  Status OnSnapshot(const SnapshotFacts& snapshot) override {
    sum_ += snapshot.id.size() + snapshot.name.size();
    return {};
  }
  Status OnBitmap(const BitmapFacts& bitmap) override {
    sum_ += bitmap.name.size();
    return {};
  }

 private:
  uint64_t sum_ = 0;
};

void UnpackExtent(Arena& arena, const Image& image, const Extent& extent,
                  codec::Unpacker& unpacker) {
  const uint64_t mark = arena.Mark();
  auto out = arena.Allocate(extent.cluster_bytes, 64);
  auto packed = arena.Allocate(extent.stored_bytes, 64);
  if (out.ok() && packed.ok() &&
      extent.file->ReadAt(extent.host_offset, packed.value()).ok()) {
    (void)image.Unpack(packed.value().view(), out.value(), unpacker);
  }
  arena.Rewind(mark);
}

void Walk(Arena& arena, Image* top, uint64_t offset, bool exact) {
  auto unpacker = codec::Unpacker::Create(arena);
  if (!unpacker.ok()) {
    return;
  }
  for (int i = 0; i < kMaxExtents && offset < top->virtual_size(); ++i) {
    Image* owner = nullptr;
    auto extent = LocateAbove(top, nullptr, offset,
                              top->virtual_size() - offset, exact, &owner);
    if (!extent.ok()) {
      return;
    }
    // What every caller relies on.
    INSTAR_CHECK(extent.value().length != 0);
    INSTAR_CHECK(extent.value().length <= top->virtual_size() - offset);
    // Block status (exact) does not say where the packed bytes are.
    if (!exact && (extent.value().flags & kExtentCompressed) != 0 &&
        owner != nullptr) {
      UnpackExtent(arena, *owner, extent.value(), *unpacker.value());
    }
    offset += extent.value().length;
  }
}

// Has enough at some point, as a table without an end may have a problem in
// each of its entries.
class IgnoringProblems final : public ProblemVisitor {
 public:
  Status OnProblem(const Error& problem) override {
    sum_ += problem.value;
    ++count_;
    return count_ < kMaxProblems ? Status() : Status(problem);
  }

 private:
  static constexpr uint64_t kMaxProblems = 100000;

  uint64_t sum_ = 0;
  uint64_t count_ = 0;
};

MutableBytes Memory() {
  static std::vector<uint8_t> memory(kArenaBytes);
  return MutableBytes(memory.data(), memory.size());
}

void Check(ByteView format, const std::vector<uint8_t>& image,
           uint8_t options) {
  const Checker* checker = FindChecker(format);
  if (checker == nullptr) {
    return;
  }
  Arena arena(Memory());
  fakes::MemoryFile file(image);
  SelfOpener opener(image, (options & 1) != 0);
  IgnoringProblems visitor;
  (void)checker->check(arena, file, opener, visitor);
}

void Open(ByteView format, const std::vector<uint8_t>& image, uint8_t options) {
  Arena arena(Memory());
  fakes::MemoryFile file(image);
  SelfOpener opener(image, (options & 1) != 0);
  ChainFailure failure;
  auto top = OpenChain(
      arena, file, format, ByteView::Of("image"), opener,
      {.info_only = (options & 2) != 0, .open_data_file = (options & 4) == 0},
      failure);
  if (!top.ok()) {
    return;
  }
  IgnoringVisitor visitor;
  (void)top.value()->List(visitor);
  if ((options & 2) == 0) {
    Walk(arena, top.value(), 0, true);
    Walk(arena, top.value(), 0, false);
    Walk(arena, top.value(), top.value()->virtual_size() / 2, false);
  }
}

}  // namespace
}  // namespace instar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::vector<uint8_t> image(data + 1, data + size);
  const auto format = instar::ByteView::Of(FUZZ_FORMAT);
  instar::Open(format, image, data[0]);
  instar::Check(format, image, data[0]);
  return 0;
}
