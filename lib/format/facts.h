// What a format knows of an opened image, for `info` and for whoever reads the
// image next. Views point into the image's arena.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/file.h"

namespace instar {

enum class Compression : uint8_t { kZlib = 0, kZstd = 1 };

struct LuksFacts;

struct Qcow2Facts {
  uint32_t version = 0;
  Compression compression = Compression::kZlib;
  bool lazy_refcounts = false;
  uint32_t refcount_bits = 0;
  bool has_data_file = false;
  ByteView data_file;  // name as recorded; may be empty
  bool data_file_raw = false;
  bool corrupt = false;
  bool extended_l2 = false;
  uint32_t crypt_method = 0;        // 0 none, 1 AES, 2 LUKS
  const LuksFacts* luks = nullptr;  // where its header was read
  bool has_bitmaps = false;
  // There are bitmaps, but a program that does not know them changed the image.
  bool stale_bitmaps = false;
};

struct LuksSlotFacts {
  bool active = false;
  uint64_t iterations = 0;
  uint64_t stripes = 0;
  uint64_t key_offset = 0;  // bytes
};

struct LuksFacts {
  static constexpr uint64_t kNumSlots = 8;

  ByteView cipher;
  ByteView cipher_mode;
  ByteView ivgen_algorithm;
  ByteView ivgen_hash;  // empty: none
  ByteView hash;
  ByteView uuid;
  uint64_t payload_offset = 0;  // bytes
  uint64_t master_key_iterations = 0;
  LuksSlotFacts slots[kNumSlots];
};

struct VmdkFacts {
  uint32_t cid = 0;
  uint32_t parent_cid = 0;
  ByteView create_type;
};

struct ImageFacts {
  ByteView format;            // qemu's driver name
  uint64_t virtual_size = 0;  // bytes
  uint64_t cluster_size = 0;  // bytes; 0 where the format has none
  // Of unpacked compressed clusters, where they are longer than cluster_size.
  uint64_t max_cluster_bytes = 0;
  bool encrypted = false;
  bool dirty = false;
  bool has_backing_file = false;
  ByteView backing_file;    // as recorded
  ByteView backing_format;  // as recorded; empty: none
  const Qcow2Facts* qcow2 = nullptr;
  const VmdkFacts* vmdk = nullptr;
  const LuksFacts* luks = nullptr;
  const File* data_file = nullptr;  // external data file, where it is open
};

struct SnapshotFacts {
  ByteView id;
  ByteView name;
  uint64_t vm_state_size = 0;
  uint32_t date_sec = 0;
  uint32_t date_nsec = 0;
  uint64_t vm_clock_nsec = 0;
  bool has_icount = false;
  uint64_t icount = 0;
};

struct BitmapFacts {
  ByteView name;
  uint64_t granularity = 0;  // bytes
  bool in_use = false;
  bool automatic = false;
  // qcow2: where the table of its bits is, in bytes, and its length.
  uint64_t table_offset = 0;
  uint64_t table_entries = 0;
};

// A part of a vmdk image, in a file of its own or in the image's.
struct VmdkExtentFacts {
  const File* file = nullptr;
  ByteView format;            // "FLAT", "SPARSE", …; empty: not shown
  uint64_t virtual_size = 0;  // bytes
  uint64_t cluster_size = 0;  // bytes; 0: none
  bool compressed = false;
};

// Receives what an image lists. Views are valid during the call only.
class FactsVisitor {
 public:
  virtual Status OnSnapshot(const SnapshotFacts& snapshot) = 0;
  virtual Status OnBitmap(const BitmapFacts& bitmap) = 0;
  virtual Status OnExtent(const VmdkExtentFacts& /*extent*/) { return {}; }

 protected:
  ~FactsVisitor() = default;
};

}  // namespace instar
