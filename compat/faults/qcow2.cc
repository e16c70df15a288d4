#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
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
    {proto::FAULT_QCOW2_L1_READ, "Could not read L1 table: Input/output error"},
    {proto::FAULT_QCOW2_REFTABLE_READ,
     "Could not initialize refcount handling: Input/output error"},
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
    {proto::FAULT_QCOW2_SNAPSHOT_TABLE_TOO_BIG,
     "Snapshot table is too big\n"
     "You can force-remove all {v} overhanging snapshots with qemu-img check "
     "-r all"},
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
     "Could not read bitmap_table table from image for bitmap '{t}': {e}"},
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
    {proto::FAULT_QCOW2_MEASURE_REFCOUNT_VERSION,
     "Different refcount widths than 16 bits require compatibility level 1.1 "
     "or above (use compat=1.1 or greater)"},
    {proto::FAULT_QCOW2_MEASURE_SIZE,
     "The image size is too large (try using a larger cluster size)"},
    {proto::FAULT_QCOW2_SNAPSHOT_L1_OFFSET, "Snapshot L1 table offset invalid"},
    {proto::FAULT_QCOW2_SNAPSHOT_L1_TOO_LARGE, "Snapshot L1 table too large"},
};

}  // namespace

std::span<const FaultRow> Qcow2Faults() {
  return kRows;
}

}  // namespace instar::compat
