#include "lib/format/vmdk/layout.h"
#include "tests/support/seeds/seeds.h"

namespace instar::fakes {
namespace {

constexpr uint64_t kSector = vmdk::kSectorBytes;
// Opening looks for the descriptor here, however short it is.
constexpr uint64_t kText = vmdk::kEmbeddedDescriptorOffset;
constexpr uint64_t kDirectory = 2 * kSector;
constexpr uint64_t kTable = 3 * kSector;

class Bytes {
 public:
  explicit Bytes(uint64_t size) : bytes_(size) {}

  void Put(uint64_t at, uint64_t value, uint64_t width) {
    for (uint64_t i = 0; i < width; ++i) {
      bytes_[at + i] = static_cast<uint8_t>(value >> 8 * i);
    }
  }
  void PutText(uint64_t at, const std::string& text) {
    for (const char c : text) {
      bytes_[at++] = static_cast<uint8_t>(c);
    }
  }
  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

const char kDescriptor[] =
    "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
    "createType=\"monolithicSparse\"\nparentFileNameHint=\"below.vmdk\"\n";

// Eight grains of eight sectors in tables of four: one stored, one zeroed, one
// behind the file's end; the second table is missing.
Seed Sparse() {
  using L = vmdk::SparseLayout;
  Bytes image(20 * kSector);
  image.PutText(0, "KDMV");
  image.Put(L::kVersion.offset, 2, 4);
  image.Put(L::kFlags.offset, vmdk::kFlagZeroedGrains | 1, 4);
  image.Put(L::kCapacity.offset, 60, 8);
  image.Put(L::kGrainSize.offset, 8, 8);
  image.Put(L::kDescriptorOffset.offset, 1, 8);
  image.Put(L::kNumGtesPerGt.offset, 4, 4);
  image.Put(L::kDirectoryOffset.offset, kDirectory / kSector, 8);
  image.Put(L::kOverhead.offset, 8, 8);
  image.PutText(kText, kDescriptor);
  image.Put(kDirectory, kTable / kSector, 4);
  image.Put(kTable, 8, 4);
  image.Put(kTable + 4, 1, 4);
  image.Put(kTable + 12, 9999, 4);
  return {"vmdk_sparse", "vmdk", image.Take(), kTable + 16};
}

// Two packed grains behind markers, with a footer.
Seed Stream() {
  using L = vmdk::SparseLayout;
  constexpr uint64_t kGrain = 4;
  constexpr uint64_t kFooter = 6 * kSector;
  Bytes image(9 * kSector);
  for (const uint64_t at : {uint64_t{0}, kFooter + kSector}) {
    image.PutText(at, "KDMV");
    image.Put(at + L::kVersion.offset, 3, 4);
    image.Put(at + L::kFlags.offset, vmdk::kFlagMarkers | 1 << 16, 4);
    image.Put(at + L::kCapacity.offset, 15, 8);
    image.Put(at + L::kGrainSize.offset, 8, 8);
    image.Put(at + L::kNumGtesPerGt.offset, 512, 4);
    image.Put(at + L::kDirectoryOffset.offset,
              at == 0 ? vmdk::kDirectoryAtEnd : kDirectory / kSector, 8);
    image.Put(at + L::kCompression.offset, vmdk::kCompressionDeflate, 2);
  }
  image.PutText(kText, kDescriptor);
  image.Put(kDirectory, kTable / kSector, 4);
  image.Put(kTable, kGrain, 4);
  image.Put(kTable + 4, kGrain + 1, 4);
  for (const uint64_t grain : {kGrain, kGrain + 1}) {
    image.Put(grain * kSector + 8, 100, 4);
  }
  image.Put(kFooter + 12, vmdk::kMarkerFooter, 4);
  return {"vmdk_stream", "vmdk", image.Take(), 9 * kSector};
}

Seed Cowd() {
  using L = vmdk::CowdLayout;
  Bytes image(8 * kSector);
  image.PutText(0, "COWD");
  image.Put(L::kCapacity.offset, 5000, 4);
  image.Put(L::kGrainSize.offset, 1, 4);
  image.Put(L::kDirectoryOffset.offset, kDirectory / kSector, 4);
  image.Put(L::kNumDirectoryEntries.offset, 2, 4);
  image.PutText(kText, kDescriptor);
  image.Put(kDirectory + 4, kTable / kSector, 4);
  for (uint64_t i = 0; i < 60; ++i) {
    image.Put(kTable + 4 * i, 5 + i % 2, 4);
  }
  return {"vmdk_cowd", "vmdk", image.Take(), kTable + 16};
}

// Flat extents that lie in the descriptor itself, and lines that name none.
Seed Descriptor() {
  Bytes image(kSector);
  image.PutText(0,
                "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=2\n"
                "createType=\"vmfs\"\nRW 1 FLAT \"itself\" 0\n"
                "\nRW 3 VMFS \"itself\"\nRW 3 ZERO\n");
  return {"vmdk_descriptor", "vmdk", image.Take(), 160};
}

}  // namespace

std::vector<Seed> VmdkSeeds() {
  return {Sparse(), Stream(), Cowd(), Descriptor()};
}

}  // namespace instar::fakes
