// An image being made or written, seen through its format.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/errno.h"
#include "lib/base/file.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"
#include "lib/codec/packer.h"
#include "lib/codec/unpacker.h"
#include "lib/format/facts.h"
#include "lib/format/image.h"

namespace instar {

enum class Preallocation : uint8_t { kOff, kMetadata, kFalloc, kFull };

// What it asks of the file that holds the data.
inline FilePreallocation FileMode(Preallocation mode) {
  switch (mode) {
    case Preallocation::kOff:
    case Preallocation::kMetadata:
      return FilePreallocation::kSparse;
    case Preallocation::kFalloc:
      return FilePreallocation::kFalloc;
    case Preallocation::kFull:
      return FilePreallocation::kFull;
  }
  return FilePreallocation::kSparse;
}

// Creation options that only qcow2 knows. What is not set takes the format's
// default.
struct Qcow2CreateOptions {
  uint32_t version = 3;
  uint64_t cluster_size = 65536;
  uint32_t refcount_bits = 16;
  bool lazy_refcounts = false;
  bool extended_l2 = false;
  Compression compression = Compression::kZlib;
  ByteView data_file;  // name to record; empty: no external data file
  bool data_file_raw = false;
};

enum class VmdkSubformat : uint8_t {
  kMonolithicSparse,
  kMonolithicFlat,
  kTwoGbMaxExtentSparse,
  kTwoGbMaxExtentFlat,
  kStreamOptimized,
};

// Those of vmdk. A text that the user left out is empty.
struct VmdkCreateOptions {
  VmdkSubformat subformat = VmdkSubformat::kMonolithicSparse;
  ByteView adapter_type;
  ByteView hardware_version;
  ByteView tools_version;
  bool compat6 = false;
  bool zeroed_grain = false;
  bool writes_tools_version = true;  // even the default's; since 6.2
  ByteView file_name;                // the output's own, without its folder
};

// Those of vpc, vhdx and vdi. 0: the format's own choice.
struct BlockCreateOptions {
  bool fixed = false;
  bool force_size = false;       // vpc
  uint64_t block_size = 0;       // vhdx, in bytes
  uint64_t log_size = 0;         // vhdx, in bytes
  bool block_state_zero = true;  // vhdx
  ByteView creator;              // vhdx: program and version, in ASCII
};

// Those of qed and parallels. 0: the format's own choice.
struct ClusterCreateOptions {
  uint64_t cluster_size = 0;  // bytes
  uint64_t table_size = 0;    // qed, in clusters
};

struct CreateOptions {
  uint64_t size = 0;  // bytes, as the user gave it
  Preallocation preallocation = Preallocation::kOff;
  ByteView backing_file;
  ByteView backing_format;
  Qcow2CreateOptions qcow2;
  VmdkCreateOptions vmdk;
  BlockCreateOptions block;
  ClusterCreateOptions cluster;
  // For ids that must differ from image to image: 64 random bytes.
  ByteView random;
  uint64_t unix_time = 0;  // seconds since 1970, now
};

// Where a piece of a write goes.
struct WriteExtent {
  uint64_t length = 0;  // bytes, at least 1
  File* file = nullptr;
  uint64_t host_offset = 0;
};

// How packed clusters (-c) are stored.
struct PackRules {
  codec::PackMethod method = codec::PackMethod::kDeflate;
  uint64_t prefix_bytes = 0;  // the format's own, before the packed bytes
  uint64_t alignment = 1;     // of what is stored, in bytes; the rest is zeroes
  // Clusters that packing makes longer are stored packed all the same.
  bool always = false;
};

class Target {
 public:
  uint64_t virtual_size() const { return virtual_size_; }
  // Bytes; 0 where the format has no clusters.
  uint64_t cluster_size() const { return cluster_size_; }

  // Finds or makes room for the guest-visible bytes [offset, +length), or for
  // the first part of them, and says where the caller must write them. What
  // else the clusters hold is copied or zeroed here. Metadata is changed in
  // memory and written when it leaves the cache or in Finish.
  // REQUIRES: length > 0, offset + length <= virtual_size().
  virtual Result<WriteExtent> Allocate(uint64_t offset, uint64_t length) = 0;

  // Whether and how clusters can be packed. Errors: kErrno (not supported).
  virtual Result<PackRules> Packing() const {
    return Error{.fault = Fault::kErrno, .error = kEopnotsupp};
  }

  // Makes room for the cluster at `offset`, packed into `packed_bytes`, which
  // are fewer than the cluster has but for PackRules::always, and says where
  // the caller must write prefix, packed bytes and zeroes, in one. Fills in
  // `prefix`. REQUIRES: offset is a multiple of cluster_size(). Errors: as
  // Packing.
  virtual Result<WriteExtent> AllocatePacked(uint64_t /*offset*/,
                                             uint64_t /*packed_bytes*/,
                                             MutableBytes /*prefix*/) {
    return Error{.fault = Fault::kUnsupported};
  }

  // The format cannot say that bytes are zero: they are stored like all data,
  // and there is no WriteZeroes.
  bool zeroes_are_data() const { return zeroes_are_data_; }
  // Makes [offset, +length) read as zeroes. REQUIRES: !zeroes_are_data().
  virtual Status WriteZeroes(uint64_t /*offset*/, uint64_t /*length*/,
                             bool /*may_unmap*/) {
    return Error{.fault = Fault::kUnsupported};
  }

  // Writes out what metadata the format can write before the end; the caller's
  // writes are done. What else there is is kept until Finish.
  virtual Status Sync() { return {}; }

  // Writes out all metadata. Nothing may be called afterwards.
  virtual Status Finish() = 0;

 protected:
  Target(uint64_t virtual_size, uint64_t cluster_size,
         bool zeroes_are_data = false)
      : virtual_size_(virtual_size),
        cluster_size_(cluster_size),
        zeroes_are_data_(zeroes_are_data) {}
  ~Target() = default;

  uint64_t virtual_size_;
  uint64_t cluster_size_;

 private:
  bool zeroes_are_data_;
};

// The files that an image is made of.
struct TargetFiles {
  File* file = nullptr;       // the image's own
  File* data_file = nullptr;  // qcow2's external data file; null: none
  // Opens the further files that an image consists of (kTargetExtent).
  Opener* opener = nullptr;
  // qcow2: bitmaps stay as they are; the caller keeps them true.
  bool keeps_bitmaps = false;
  // For ids that change when an image is written to: 64 bytes, or none, where
  // they may stay as they are.
  ByteView random = {};
  // The image holds something to lose: its metadata reaches the file in an
  // order in which each step refers to nothing that is not durable.
  bool has_old_data = false;
};

// What a format's writer.cc exports, as `constinit const Writer k…Writer`.
// Of formats whose magic is what their files begin with.
inline Result<uint64_t> MagicAtStart(const CreateOptions& /*options*/) {
  return uint64_t{0};
}

struct Writer {
  ByteView name;
  // Where the magic of an image of such options begins, without whose first
  // four bytes it is none of this format. Null: there is none.
  // Errors: those of `create`.
  Result<uint64_t> (*magic_offset)(const CreateOptions& options);
  // Checks the options as far as that needs no file. Errors: kQcow2Create….
  // Null: qemu-img empties the file before it looks at the options.
  Status (*validate)(const CreateOptions& options);
  // Writes an empty image to `files`, which are empty, byte for byte as
  // qemu-img does.
  Status (*create)(Arena& arena, const TargetFiles& files,
                   const CreateOptions& options);
  // Opens an image for writing. `backing`: the opened backing chain, or null;
  // data is copied from it when a cluster is written in part. `make_unpacker`:
  // for packed clusters among that; null where there are none.
  Result<Target*> (*open)(Arena& arena, const TargetFiles& files,
                          Image* backing, codec::MakeUnpacker make_unpacker);
};

}  // namespace instar
