// A small qcow2 image, built field by field: one L2 table, and room to break
// everything.
//
//   cluster 0  header, extensions, backing file's name
//           1  L1 table
//           2  L2 table
//           3  refcount table
//           4  refcount block
//           5  snapshot table
//           6  bitmap directory
//           7  bitmap table
//           8… data
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace instar::fakes {

class Qcow2Seed {
 public:
  static constexpr uint64_t kFirstDataCluster = 8;

  explicit Qcow2Seed(uint64_t cluster_bits = 12, uint32_t version = 3);

  uint64_t cluster_size() const { return cluster_size_; }
  uint64_t virtual_size() const { return cluster_size_ * 64; }
  std::vector<uint8_t>& bytes() { return bytes_; }

  // A big-endian number of `size` bytes.
  void Put(uint64_t offset, uint64_t value, uint64_t size);
  void PutText(uint64_t offset, const std::string& text);
  // An entry of the L2 table; with extended L2 also its bitmap.
  void PutL2Entry(uint64_t index, uint64_t word);
  void PutExtendedL2Entry(uint64_t index, uint64_t word, uint64_t bitmap);
  // Behind those that are there.
  void AddExtension(uint32_t type, const std::vector<uint8_t>& data);
  void SetBackingFile(const std::string& name);
  void AddSnapshot(const std::string& id, const std::string& name);
  void AddBitmap(const std::string& name, uint32_t flags);

  uint64_t ClusterOffset(uint64_t cluster) const {
    return cluster * cluster_size_;
  }

 private:
  uint64_t cluster_size_;
  uint64_t next_extension_;
  uint64_t next_snapshot_;
  uint64_t num_snapshots_ = 0;
  uint64_t next_bitmap_;
  uint64_t num_bitmaps_ = 0;
  uint64_t bitmaps_extension_ = 0;
  std::vector<uint8_t> bytes_;
};

}  // namespace instar::fakes
