// An image opened for reading, seen through its format: where guest-visible
// bytes are, layer by layer. The formats (lib/format/<name>) implement it.
//
// Guest-visible data is never moved through this interface. Locate says where
// it is, and the caller reads it from the file, many pieces at a time.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/opener.h"
#include "lib/base/result.h"
#include "lib/codec/unpacker.h"
#include "lib/format/facts.h"

namespace instar {

enum ExtentFlag : uint32_t {
  kExtentData = 1,         // bytes are stored
  kExtentZero = 2,         // the bytes read as zeroes
  kExtentAllocated = 4,    // this layer decides; else the backing file does
  kExtentOffset = 8,       // file and host_offset say where the bytes are
  kExtentCompressed = 16,  // one packed cluster, stored_bytes long
  kExtentEof = 32,         // the extent ends where the image ends
};

// A run of guest-visible bytes of one kind. Its ends are exactly those that
// qemu-img's block status has: convert's output depends on them.
struct Extent {
  uint64_t length = 0;  // bytes; 0 only at or past the end of the image
  uint32_t flags = 0;
  File* file = nullptr;
  uint64_t host_offset = 0;   // bytes, of the extent's first byte; of a packed
                              // cluster: of its first stored byte
  uint64_t stored_bytes = 0;  // kExtentCompressed: upper bound of packed bytes
  uint64_t cluster_offset = 0;  // kExtentCompressed: where in the unpacked
                                // cluster the extent begins
  uint64_t cluster_bytes = 0;   // kExtentCompressed: length of the unpacked
                                // cluster
};

// An internal snapshot, by what is known of it.
struct SnapshotChoice {
  // `id` is one or, where no snapshot has it, the name of one; `name` and the
  // two flags mean nothing.
  bool either = false;
  bool has_id = false;
  bool has_name = false;
  ByteView id;
  ByteView name;
};

class Image {
 public:
  const ImageFacts& facts() const { return facts_; }
  uint64_t virtual_size() const { return facts_.virtual_size; }
  // The file that the image was opened from.
  File& file() const { return *file_; }

  // The layer below; null: none. Set by OpenChain.
  Image* backing() const { return backing_; }
  void set_backing(Image* backing) { backing_ = backing; }

  // What this layer says of the bytes from `offset` on: one extent of at most
  // `length` bytes. With `exact` it is qemu-img's block status, the host file's
  // own holes included where qemu-img looks them up; a format that has none in
  // qemu calls all of it data then, without an offset. Without `exact` it is
  // where the bytes are, for whoever reads them.
  // Errors: kErrno, kQcow2CorruptEntry and the like.
  virtual Result<Extent> Locate(uint64_t offset, uint64_t length,
                                bool exact) = 0;

  // Unpacks one compressed cluster into `out`, which is Extent::cluster_bytes
  // long. `packed` starts at Extent::host_offset. Touches nothing but its
  // arguments, so that several vCPUs may unpack at a time, each with its own
  // Unpacker (Unpacker::Create cuts one from an arena).
  // Errors: kCompressedData.
  virtual Status Unpack(ByteView packed, MutableBytes out,
                        codec::Unpacker& unpacker) const = 0;

  // Lets the image show what an internal snapshot holds from now on. Its size
  // stays the present one, as qemu-img has it.
  // Errors: kSnapshotUnsupported, kSnapshotMissing and those of the format.
  virtual Status SelectSnapshot(const SnapshotChoice& /*choice*/) {
    return Error{.fault = Fault::kSnapshotUnsupported,
                 .text = facts_.format.data(),
                 .text_bytes = static_cast<uint32_t>(facts_.format.size())};
  }

  // Lists snapshots, bitmaps and parts, in the image's order.
  virtual Status List(FactsVisitor& visitor) = 0;

 protected:
  Image(File& file, const ImageFacts& facts) : file_(&file), facts_(facts) {}
  ~Image() = default;

  File* file_;
  ImageFacts facts_;
  Image* backing_ = nullptr;
};

struct OpenOptions {
  bool info_only = false;      // `info`: no guest-visible data will be read
  bool open_data_file = true;  // an external data file is opened
  // raw: the part of the file that is the disk, in bytes; the rest of the file
  // where no size is given.
  uint64_t raw_offset = 0;
  bool has_raw_size = false;
  uint64_t raw_size = 0;
  // For `check`: what it reports itself is no error of opening.
  bool for_check = false;
  // vpc: what tells the disk's size where its creator is none that is known to
  // record it, as in qemu-img before 10.0 (vpc::SizeRule).
  bool vpc_size_prefers_geometry = false;
  // An image whose log (vhdx) was not written back is read as if it had been;
  // else it is refused, as qemu-img refuses it where it may not write.
  bool replay_log = false;
};

// What a format's reader.cc exports, as `constinit const Reader k…Reader`.
struct Reader {
  ByteView name;  // qemu's driver name, also the folder's
  // How sure the format is that `head`, the file's first 512 bytes (padded
  // with zeroes) is its own: 0 to 100, by qemu-img's scores.
  int (*probe)(ByteView head, ByteView filename);
  // Parses and validates the image's metadata, as far as opening needs it.
  Result<Image*> (*open)(Arena& arena, File& file, Opener& opener,
                         const OpenOptions& options);
};

}  // namespace instar
