// What `info` knows of one image: the input of both its renderers. Byte
// strings from images stand as they are; the renderers escape them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compat/block_limits.h"

namespace instar::compat {

struct InfoSnapshot {
  std::string id;
  std::string name;
  uint64_t vm_state_size = 0;  // bytes
  uint32_t date_sec = 0;       // since 1970, UTC
  uint32_t date_nsec = 0;
  std::string date_text;  // the same as local time, "2024-05-17 12:34:56"
  uint64_t vm_clock_nsec = 0;
  std::optional<uint64_t> icount;
};

struct InfoBitmap {
  std::string name;
  uint64_t granularity = 0;  // bytes
  bool in_use = false;
  bool automatic = false;
};

struct InfoLuksSlot {
  bool active = false;
  uint64_t iterations = 0;  // of an active slot, as is stripes
  uint64_t stripes = 0;
  uint64_t key_offset = 0;  // bytes
};

struct InfoLuks {
  std::string ivgen_algorithm;
  std::string ivgen_hash;  // empty: none
  std::string hash;
  std::string cipher;
  std::string cipher_mode;
  std::string uuid;
  std::vector<InfoLuksSlot> slots;
  uint64_t payload_offset = 0;  // bytes
  uint64_t master_key_iterations = 0;
  bool detached_header = false;
};

enum class InfoEncryption : uint8_t { kNone, kAes, kLuks };

struct InfoQcow2 {
  bool is_version_2 = false;
  bool uses_zstd = false;
  bool lazy_refcounts = false;
  uint32_t refcount_bits = 16;
  bool has_data_file = false;
  std::string data_file;  // name as recorded
  bool data_file_raw = false;
  bool corrupt = false;
  bool extended_l2 = false;
  InfoEncryption encryption = InfoEncryption::kNone;
  std::optional<InfoLuks> luks;  // where its header was read
  std::vector<InfoBitmap> bitmaps;
  bool has_bitmaps = false;  // listed, even if there are none left
};

struct InfoVmdkExtent {
  std::string filename;
  std::string format;
  uint64_t virtual_size = 0;  // bytes
  uint64_t cluster_size = 0;  // bytes; 0: flat
  bool compressed = false;
};

struct InfoVmdk {
  uint32_t cid = 0;
  uint32_t parent_cid = 0;
  std::string create_type;
  std::vector<InfoVmdkExtent> extents;

  // Where extents differ, qemu-img's driver knows nothing of the image as a
  // whole.
  bool is_uniform() const {
    for (const InfoVmdkExtent& extent : extents) {
      if (extent.compressed != extents.front().compressed ||
          extent.cluster_size != extents.front().cluster_size)
        return false;
    }
    return true;
  }
};

struct InfoChild;

// An image, or a file beneath one.
struct InfoNode {
  std::string filename;
  std::string format;                 // "file" for a plain file
  uint64_t virtual_size = 0;          // bytes; of a file: its length
  std::optional<uint64_t> disk_size;  // bytes
  uint64_t cluster_size = 0;          // bytes; 0: none
  bool encrypted = false;
  bool dirty = false;

  bool has_backing_file = false;
  std::string backing_file;  // as recorded
  // What it stands for; nothing where that cannot be told.
  std::optional<std::string> full_backing_file;
  std::string backing_format;  // empty: none recorded

  std::vector<InfoSnapshot> snapshots;
  std::optional<InfoQcow2> qcow2;
  std::optional<InfoVmdk> vmdk;
  std::optional<InfoLuks> luks;
  std::optional<uint64_t> extent_size_hint;  // of a file, bytes
  std::optional<BlockLimits> limits;         // where they were asked for

  // In the order in which they are shown.
  std::vector<InfoChild> children;
};

// A node beneath another one: "file", "data-file", "extents.0".
struct InfoChild {
  std::string name;
  InfoNode node;
};

}  // namespace instar::compat
