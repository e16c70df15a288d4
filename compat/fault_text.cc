#include "compat/fault_text.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "compat/create_options.h"
#include "compat/target_options.h"

namespace instar::compat {
namespace {

struct Row {
  proto::Fault fault;
  // {v} and {w}: value and value2 in decimal; {t}: the text.
  std::string_view words;
};

// Faults that qemu-img has words for are in its words.
constexpr Row kRows[] = {
    {proto::FAULT_OVERFLOW, "A size or an offset in the image is too large"},
    {proto::FAULT_OUT_OF_BOUNDS, "A structure leaves the room it has"},
    {proto::FAULT_CHAIN_TOO_DEEP, "The chain of backing files is too long"},
    {proto::FAULT_REFERENCE_REFUSED, "The policy does not allow '{t}'"},

    {proto::FAULT_QCOW2_HEADER_TOO_SHORT, "qcow2 header too short"},
    {proto::FAULT_QCOW2_VERSION, "Unsupported qcow2 version {v}"},
    {proto::FAULT_QCOW2_CLUSTER_BITS, "Unsupported cluster size: 2^{v}"},
    {proto::FAULT_QCOW2_HEADER_LENGTH, "qcow2 header exceeds cluster size"},
    {proto::FAULT_QCOW2_REFCOUNT_ORDER,
     "Reference count entry width too large; may not exceed 64 bits"},
    {proto::FAULT_QCOW2_CRYPT_METHOD, "Unsupported encryption method {i}"},
    {proto::FAULT_QCOW2_IMAGE_TOO_BIG, "Image is too big"},
    {proto::FAULT_QCOW2_L1_TOO_LARGE, "Active L1 table too large"},
    {proto::FAULT_QCOW2_L1_OFFSET, "Active L1 table offset invalid"},
    {proto::FAULT_QCOW2_L1_TOO_SMALL, "L1 table is too small"},
    {proto::FAULT_QCOW2_REFTABLE_OFFSET,
     "Reference count table offset invalid"},
    {proto::FAULT_QCOW2_REFTABLE_TOO_LARGE, "Reference count table too large"},
    {proto::FAULT_QCOW2_REFTABLE_MISSING,
     "Image does not contain a reference count table"},
    {proto::FAULT_QCOW2_SNAPSHOTS_TOO_LARGE, "Snapshot table too large"},
    {proto::FAULT_QCOW2_SNAPSHOT_OFFSET, "Snapshot table offset invalid"},
    {proto::FAULT_QCOW2_SNAPSHOT_EXTRA,
     "Too much extra metadata in snapshot table entry {v}\n"
     "You can force-remove this extra metadata with qemu-img check -r all"},
    {proto::FAULT_QCOW2_SNAPSHOT_TABLE_TOO_BIG, "Snapshot table too large"},
    {proto::FAULT_QCOW2_EXTENSION_TOO_LARGE, "Header extension too large"},
    {proto::FAULT_QCOW2_BACKING_NAME_TOO_LONG, "Backing file name too long"},
    {proto::FAULT_QCOW2_BACKING_NAME_OFFSET, "Invalid backing file offset"},
    {proto::FAULT_QCOW2_BACKING_FORMAT_TOO_LONG,
     "ERROR: ext_backing_format: len={v} too large (>=16)"},
    {proto::FAULT_QCOW2_COMPRESSION_TYPE,
     "qcow2: unknown compression type: {v}"},
    {proto::FAULT_QCOW2_COMPRESSION_BIT_SET,
     "qcow2: Compression type incompatible feature bit must not be set"},
    {proto::FAULT_QCOW2_COMPRESSION_BIT_MISSING,
     "qcow2: Compression type incompatible feature bit must be set"},
    {proto::FAULT_QCOW2_EXTENDED_L2_CLUSTER,
     "Unsupported subcluster size: {v}"},
    {proto::FAULT_QCOW2_DATA_FILE_MISSING,
     "'data-file' is required for this image"},
    {proto::FAULT_QCOW2_DATA_FILE_RAW_ALONE,
     "data-file-raw requires data-file"},
    {proto::FAULT_QCOW2_IMAGE_CORRUPT,
     "qcow2: Image is corrupt; cannot be opened read/write"},
    {proto::FAULT_QCOW2_EXTENSION, "Invalid header extension"},
    {proto::FAULT_QCOW2_CRYPTO_UNEXPECTED,
     "CRYPTO header extension only expected with LUKS encryption method"},
    {proto::FAULT_QCOW2_CRYPTO_LENGTH,
     "CRYPTO header extension size {v}, but expected size 16"},
    {proto::FAULT_QCOW2_CRYPTO_OFFSET,
     "Encryption header offset '{v}' is not a multiple of cluster size '{w}'"},
    {proto::FAULT_QCOW2_CRYPTO_MISSING,
     "Image has no header for its encryption"},
    {proto::FAULT_QCOW2_KEY_REQUIRED,
     "Parameter 'encrypt.key-secret' is required for cipher"},
    {proto::FAULT_QCOW2_BITMAPS_LENGTH,
     "bitmaps_ext: Invalid extension length"},
    {proto::FAULT_QCOW2_BITMAPS_RESERVED,
     "bitmaps_ext: Reserved field is not zero"},
    {proto::FAULT_QCOW2_BITMAPS_COUNT,
     "bitmaps_ext: Image has {v} bitmaps, exceeding the QEMU supported "
     "maximum of 65535"},
    {proto::FAULT_QCOW2_BITMAPS_NONE,
     "found bitmaps extension with zero bitmaps"},
    {proto::FAULT_QCOW2_BITMAPS_OFFSET,
     "bitmaps_ext: invalid bitmap directory offset"},
    {proto::FAULT_QCOW2_BITMAPS_DIRECTORY_SIZE,
     "bitmaps_ext: bitmap directory size ({v}) exceeds the maximum supported "
     "size (67107840)"},
    {proto::FAULT_QCOW2_BITMAP_DIRECTORY_BROKEN, "Broken bitmap directory"},
    {proto::FAULT_QCOW2_BITMAP_DIRECTORY_EMPTY,
     "Requested bitmap directory size is zero"},
    {proto::FAULT_QCOW2_BITMAP_MORE,
     "More bitmaps found than specified in header extension"},
    {proto::FAULT_QCOW2_BITMAP_LESS,
     "Less bitmaps found than specified in header extension"},
    {proto::FAULT_QCOW2_BITMAP_EXTRA, "Bitmap extra data is not supported"},
    {proto::FAULT_QCOW2_BITMAP_CONSTRAINTS,
     "Bitmap '{t}' doesn't satisfy the constraints"},
    {proto::FAULT_QCOW2_SIZE,
     "Could not refresh total sector count: File too large"},
    {proto::FAULT_QCOW2_BITMAP_DATA,
     "Could not read bitmap '{t}' from image: Invalid argument"},
    {proto::FAULT_QCOW2_BITMAP_TABLE,
     "Could not read bitmap_table table from image for bitmap '{t}'"},

    {proto::FAULT_QCOW2_CREATE_CLUSTER_SIZE,
     "Cluster size must be a power of two between 512 and 2048k"},
    {proto::FAULT_QCOW2_CREATE_EXTENDED_L2_CLUSTER,
     "Extended L2 entries are only supported with cluster sizes of at least "
     "16384 bytes"},
    {proto::FAULT_QCOW2_CREATE_EXTENDED_L2_VERSION,
     "Extended L2 entries are only supported with compatibility level 1.1 and "
     "above (use version=v3 or greater)"},
    {proto::FAULT_QCOW2_CREATE_REFCOUNT_BITS,
     "Refcount width must be a power of two and may not exceed 64 bits"},
    {proto::FAULT_QCOW2_CREATE_REFCOUNT_VERSION,
     "Different refcount widths than 16 bits require compatibility level 1.1 "
     "or above (use version=v3 or greater)"},
    {proto::FAULT_QCOW2_CREATE_LAZY_VERSION,
     "Lazy refcounts only supported with compatibility level 1.1 and above "
     "(use version=v3 or greater)"},
    {proto::FAULT_QCOW2_CREATE_DATA_FILE_RAW_ALONE,
     "data-file-raw requires data-file"},
    {proto::FAULT_QCOW2_CREATE_DATA_FILE_VERSION,
     "External data files are only supported with compatibility level 1.1 and "
     "above (use version=v3 or greater)"},
    {proto::FAULT_QCOW2_CREATE_DATA_FILE_BACKING,
     "Backing file and data-file-raw cannot be used at the same time"},
    {proto::FAULT_QCOW2_CREATE_COMPRESSION_VERSION,
     "Non-zlib compression type is only supported with compatibility level 1.1 "
     "and above (use version=v3 or greater)"},
    {proto::FAULT_QCOW2_CREATE_PREALLOCATION_BACKING,
     "Backing file and preallocation can only be used at the same time if "
     "extended_l2 is on"},
};

std::string Fill(std::string_view words, const proto::Failure& failure) {
  std::string out;
  while (!words.empty()) {
    const size_t mark = std::min(words.find('{'), words.size());
    out += words.substr(0, mark);
    words.remove_prefix(mark);
    if (words.empty())
      break;
    switch (words[1]) {
      case 'v':
        out += std::to_string(failure.value());
        break;
      case 'i':
        out += std::to_string(static_cast<int32_t>(failure.value()));
        break;
      case 'w':
        out += std::to_string(failure.value2());
        break;
      default:
        out += failure.text();
    }
    words.remove_prefix(3);
  }
  return out;
}

std::string UnknownFeatures(const proto::Failure& failure) {
  std::string out = "Unsupported qcow2 feature(s): " + failure.text();
  if (failure.value() == 0)
    return out;
  char bits[64];
  snprintf(bits, sizeof bits, "Unknown incompatible feature: %" PRIx64,
           failure.value());
  return out + (failure.text().empty() ? "" : ", ") + bits;
}

std::string NotInFormat(const proto::Failure& failure) {
  struct FormatRow {
    std::string_view format;
    std::string_view words;
  };
  static constexpr FormatRow kFormats[] = {
      {"qcow", "Image not in qcow format"},
      {"qed", "Image not in QED format"},
      {"vmdk", "invalid VMDK image descriptor"},
      {"vpc", "invalid VPC image"},
      {"parallels", "Image not in Parallels format"},
      {"luks", "Volume is not in LUKS format"},
      {"bochs", "Image not in Bochs format"},
  };
  for (const FormatRow& row : kFormats) {
    if (row.format == failure.text())
      return std::string(row.words);
  }
  if (failure.text() == "vdi") {
    char words[64];
    snprintf(words, sizeof words,
             "Image not in VDI format (bad signature %08" PRIx64 ")",
             failure.value());
    return words;
  }
  const std::string format = failure.text().empty() ? "qcow2" : failure.text();
  return "Image is not in " + format + " format";
}

std::string UnsupportedPreallocation(uint64_t mode) {
  static constexpr const char* kModes[] = {"off", "metadata", "falloc", "full"};
  return std::string("Unsupported preallocation mode: ") +
         (mode < std::size(kModes) ? kModes[mode] : "unknown");
}

// Faults in the tables of an image reach the user as a failed transfer.
bool IsBadEntry(proto::Fault fault) {
  return fault == proto::FAULT_QCOW2_CORRUPT_ENTRY ||
         fault == proto::FAULT_COMPRESSED_DATA ||
         (fault >= proto::FAULT_QCOW2_L2_TABLE_UNALIGNED &&
          fault <= proto::FAULT_QCOW2_INVALID_SUBCLUSTERS);
}

}  // namespace

std::string ErrnoText(int error) {
  const char* name = strerrordesc_np(error);
  return name != nullptr ? name : "Unknown error " + std::to_string(error);
}

std::string FaultText(const proto::Failure& failure) {
  const proto::Fault fault = failure.fault();
  for (const Row& row : kRows) {
    if (row.fault == fault)
      return Fill(row.words, failure);
  }
  if (fault == proto::FAULT_QCOW2_UNKNOWN_FEATURES)
    return UnknownFeatures(failure);
  if (fault == proto::FAULT_NOT_IN_FORMAT)
    return NotInFormat(failure);
  if (fault == proto::FAULT_PREALLOCATION_UNSUPPORTED)
    return UnsupportedPreallocation(failure.value());
  if (fault == proto::FAULT_UNKNOWN_DRIVER) {
    // A format that qemu-img has and no guest reads yet is not unknown.
    const std::string format = "'" + failure.text() + "'";
    return FindFormat(failure.text()) != nullptr
               ? Unsupported("Format " + format)
               : "Unknown driver " + format;
  }
  if (fault == proto::FAULT_NO_MEMORY)
    return ErrnoText(ENOMEM);
  if (IsBadEntry(fault))
    return ErrnoText(EIO);
  if (fault == proto::FAULT_UNSUPPORTED) {
    return Unsupported(failure.text().empty() ? "This" : failure.text());
  }
  if (fault == proto::FAULT_INTERNAL) {
    return "Internal error " + std::to_string(failure.value()) +
           (failure.text().empty() ? "" : ": " + failure.text());
  }
  return ErrnoText(failure.error() != 0 ? failure.error() : EIO);
}

}  // namespace instar::compat
