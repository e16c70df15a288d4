#include "tests/support/qcow2_seed.h"

namespace instar::fakes {
namespace {

constexpr uint64_t kNumClusters = 16;
constexpr uint64_t kBackingNameOffset = 448;  // within the smallest cluster

uint64_t AlignTo8(uint64_t n) {
  return (n + 7) / 8 * 8;
}

}  // namespace

Qcow2Seed::Qcow2Seed(uint64_t cluster_bits, uint32_t version)
    : cluster_size_(uint64_t{1} << cluster_bits),
      next_extension_(version >= 3 ? 104 : 72),
      next_snapshot_(5 * cluster_size_),
      next_bitmap_(6 * cluster_size_),
      bytes_(kNumClusters * cluster_size_) {
  Put(0, 0x514649fb, 4);
  Put(4, version, 4);
  Put(20, cluster_bits, 4);
  Put(24, virtual_size(), 8);
  Put(36, 1, 4);
  Put(40, ClusterOffset(1), 8);
  Put(48, ClusterOffset(3), 8);
  Put(56, 1, 4);
  Put(64, ClusterOffset(5), 8);
  if (version >= 3) {
    Put(96, 4, 4);
    Put(100, 104, 4);
  }
  Put(ClusterOffset(1), ClusterOffset(2) | uint64_t{1} << 63, 8);
  Put(ClusterOffset(3), ClusterOffset(4), 8);
  for (uint64_t i = 0; i < kNumClusters; ++i) {
    Put(ClusterOffset(4) + 2 * i, 1, 2);
  }
}

void Qcow2Seed::Put(uint64_t offset, uint64_t value, uint64_t size) {
  for (uint64_t i = 0; i < size; ++i) {
    bytes_.at(offset + i) = static_cast<uint8_t>(value >> 8 * (size - 1 - i));
  }
}

void Qcow2Seed::PutText(uint64_t offset, const std::string& text) {
  for (const char c : text) {
    bytes_.at(offset++) = static_cast<uint8_t>(c);
  }
}

void Qcow2Seed::PutL2Entry(uint64_t index, uint64_t word) {
  Put(ClusterOffset(2) + 8 * index, word, 8);
}

void Qcow2Seed::PutExtendedL2Entry(uint64_t index, uint64_t word,
                                   uint64_t bitmap) {
  Put(ClusterOffset(2) + 16 * index, word, 8);
  Put(ClusterOffset(2) + 16 * index + 8, bitmap, 8);
}

void Qcow2Seed::AddExtension(uint32_t type, const std::vector<uint8_t>& data) {
  Put(next_extension_, type, 4);
  Put(next_extension_ + 4, data.size(), 4);
  for (uint64_t i = 0; i < data.size(); ++i) {
    bytes_.at(next_extension_ + 8 + i) = data[i];
  }
  next_extension_ += 8 + AlignTo8(data.size());
}

void Qcow2Seed::SetBackingFile(const std::string& name) {
  Put(8, kBackingNameOffset, 8);
  Put(16, name.size(), 4);
  PutText(kBackingNameOffset, name);
}

void Qcow2Seed::AddSnapshot(const std::string& id, const std::string& name) {
  const uint64_t at = next_snapshot_;
  Put(at + 12, id.size(), 2);
  Put(at + 14, name.size(), 2);
  Put(at + 16, 1700000000, 4);
  Put(at + 20, 250000, 4);
  Put(at + 24, 3000000000, 8);
  Put(at + 32, 77, 4);
  Put(at + 36, 24, 4);
  Put(at + 40, 5000000000, 8);  // size of the VM state, 64 bits wide
  Put(at + 48, virtual_size(), 8);
  Put(at + 56, 9, 8);
  PutText(at + 64, id);
  PutText(at + 64 + id.size(), name);
  next_snapshot_ = AlignTo8(at + 64 + id.size() + name.size());
  Put(60, ++num_snapshots_, 4);
}

void Qcow2Seed::AddBitmap(const std::string& name, uint32_t flags) {
  const uint64_t at = next_bitmap_;
  Put(at, ClusterOffset(7), 8);
  Put(at + 8, 1, 4);
  Put(at + 12, flags, 4);
  Put(at + 16, 1, 1);
  Put(at + 17, 16, 1);
  Put(at + 18, name.size(), 2);
  PutText(at + 24, name);
  next_bitmap_ = AlignTo8(at + 24 + name.size());
  if (num_bitmaps_ == 0) {
    bitmaps_extension_ = next_extension_ + 8;
    AddExtension(0x23852875, std::vector<uint8_t>(24));
    Put(88, 1, 8);  // the autoclear bit that vouches for them
  }
  Put(bitmaps_extension_, ++num_bitmaps_, 4);
  Put(bitmaps_extension_ + 8, next_bitmap_ - ClusterOffset(6), 8);
  Put(bitmaps_extension_ + 16, ClusterOffset(6), 8);
}

}  // namespace instar::fakes
