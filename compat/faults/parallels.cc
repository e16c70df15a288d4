#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

constexpr FaultRow kRows[] = {
    {proto::FAULT_PARALLELS_NO_TRACKS, "Invalid image: Zero sectors per track"},
    {proto::FAULT_PARALLELS_CLUSTER_SIZE, "Invalid image: Too big cluster"},
    {proto::FAULT_PARALLELS_CATALOG, "Catalog too large"},
    {proto::FAULT_PARALLELS_EXTENSION_OFFSET, "Invalid image: Too big offset"},
    {proto::FAULT_PARALLELS_EXTENSION_MAGIC,
     "Wrong parallels Format Extension magic: 0x{V}, expected: "
     "0xab234cef23dcea87"},
    {proto::FAULT_PARALLELS_EXTENSION_CHECKSUM,
     "Wrong checksum in Format Extension header. Format extension is "
     "corrupted."},
    {proto::FAULT_PARALLELS_FEATURE_HEADER,
     "Can not read feature header, as remaining bytes ({v}) in Format "
     "Extension is less than Feature header size ({w})"},
    {proto::FAULT_PARALLELS_FEATURE_FLAGS,
     "Flags for extension feature are unsupported"},
    {proto::FAULT_PARALLELS_FEATURE_SIZE,
     "Feature data_size exceedes Format Extension cluster"},
    {proto::FAULT_PARALLELS_FEATURE_UNKNOWN, "Unknown feature: 0x{V}"},
    {proto::FAULT_PARALLELS_BITMAP_TOO_SMALL,
     "Too small Bitmap Feature area in Parallels Format Extension: {v} "
     "bytes, expected at least {w} bytes"},
    {proto::FAULT_PARALLELS_BITMAP_SIZE,
     "Bitmap size (in sectors) {v} differs from disk size in sectors {w}"},
    {proto::FAULT_PARALLELS_BITMAP_L1,
     "Bitmaps feature corrupted: l1 table exceeds extension data_size"},
    {proto::FAULT_PARALLELS_BITMAP_L1_SIZE,
     "Bitmap table size {v} does not correspond to bitmap size and "
     "cluster size. Expected {w}"},
    {proto::FAULT_PARALLELS_BITMAP_GRANULARITY,
     "Bitmap granularity {v} is no power of two of sectors"},
    {proto::FAULT_PARALLELS_BITMAP_EXISTS, "Bitmap already exists: {t}"},
    {proto::FAULT_PARALLELS_CREATE_CLUSTER_SIZE, "Cluster size is too large"},
    {proto::FAULT_PARALLELS_CREATE_SIZE,
     "Image size is too large for this cluster size"},
    {proto::FAULT_PARALLELS_UNCLEAN,
     "parallels: Image was not closed correctly; cannot be opened read/write"},
    // Lines of `check`.
    {proto::FAULT_CHECK_PARALLELS_UNCLEAN,
     "ERROR image was not closed correctly"},
    {proto::FAULT_CHECK_PARALLELS_DATA_OFFSET,
     "ERROR data_off field has incorrect value"},
    {proto::FAULT_CHECK_PARALLELS_OUTSIDE,
     "ERROR cluster {v} is outside image"},
    {proto::FAULT_CHECK_PARALLELS_SPACE_LEAKED,
     "ERROR space leaked at the end of the image {v}"},
    {proto::FAULT_CHECK_PARALLELS_DUPLICATE,
     "ERROR duplicate offset in BAT entry {v}"},
};

}  // namespace

std::span<const FaultRow> ParallelsFaults() {
  return kRows;
}

}  // namespace instar::compat
