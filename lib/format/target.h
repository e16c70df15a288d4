// An image being made or written, seen through its format.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
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

struct CreateOptions {
  uint64_t size = 0;  // bytes, as the user gave it
  Preallocation preallocation = Preallocation::kOff;
  ByteView backing_file;
  ByteView backing_format;
  Qcow2CreateOptions qcow2;
};

// Where a piece of a write goes.
struct WriteExtent {
  uint64_t length = 0;  // bytes, at least 1
  File* file = nullptr;
  uint64_t host_offset = 0;
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

  // Makes [offset, +length) read as zeroes.
  virtual Status WriteZeroes(uint64_t offset, uint64_t length,
                             bool may_unmap) = 0;

  // Writes out all metadata. Nothing may be called afterwards.
  virtual Status Finish() = 0;

 protected:
  Target(uint64_t virtual_size, uint64_t cluster_size)
      : virtual_size_(virtual_size), cluster_size_(cluster_size) {}
  ~Target() = default;

  uint64_t virtual_size_;
  uint64_t cluster_size_;
};

// What a format's writer.cc exports, as `constinit const Writer k…Writer`.
struct Writer {
  ByteView name;
  // Checks the options as far as that needs no file. Errors: kQcow2Create….
  Status (*validate)(const CreateOptions& options);
  // Writes an empty image to `file`, which is empty, byte for byte as qemu-img
  // does. `data_file`: the external data file, empty too, or null.
  Status (*create)(Arena& arena, File& file, File* data_file,
                   const CreateOptions& options);
  // Opens an image for writing. `backing`: the opened backing chain, or null;
  // data is copied from it when a cluster is written in part.
  Result<Target*> (*open)(Arena& arena, File& file, File* data_file,
                          Image* backing);
};

}  // namespace instar
