#include "compat/faults/faults.h"

namespace instar::compat {
namespace {

// qemu-img names the image's node, with a number and two random digits.
constexpr FaultRow kRows[] = {
    {proto::FAULT_BITMAP_NO_NAME, "Bitmap name cannot be empty"},
    {proto::FAULT_BITMAP_GRANULARITY,
     "Granularity must be power of 2 and at least 512"},
    {proto::FAULT_BITMAP_UNSUPPORTED,
     "Can't store persistent bitmaps to #block100: Operation not supported"},
    {proto::FAULT_BITMAP_OLD_VERSION,
     "Can't make bitmap '{t}' persistent in '#block100': Cannot store dirty "
     "bitmaps in qcow2 v2 files"},
    {proto::FAULT_BITMAP_NAME_TOO_LONG,
     "Can't make bitmap '{t}' persistent in '#block100': Name length exceeds "
     "maximum (1023 characters)"},
    {proto::FAULT_BITMAP_GRANULARITY_TOO_LARGE,
     "Can't make bitmap '{t}' persistent in '#block100': Granularity exceeds "
     "maximum (2147483648 bytes)"},
    {proto::FAULT_BITMAP_TOO_LARGE,
     "Can't make bitmap '{t}' persistent in '#block100': Too much space will "
     "be occupied by the bitmap. Use larger granularity"},
    {proto::FAULT_BITMAP_TOO_MANY,
     "Can't make bitmap '{t}' persistent in '#block100': Maximum number of "
     "persistent bitmaps is already reached"},
    {proto::FAULT_BITMAP_DIRECTORY_FULL,
     "Can't make bitmap '{t}' persistent in '#block100': Not enough space in "
     "the bitmap directory"},
    {proto::FAULT_BITMAP_EXISTS, "Bitmap already exists: {t}"},
    {proto::FAULT_BITMAP_MISSING, "Dirty bitmap '{t}' not found"},
    {proto::FAULT_BITMAP_INCONSISTENT,
     "Bitmap '{t}' is inconsistent and cannot be used\n"
     "Try block-dirty-bitmap-remove to delete this bitmap from disk"},
    {proto::FAULT_BITMAP_SIZES,
     "Bitmaps are of different sizes (destination size is {v}, source size is "
     "{w}) and can't be merged"},
    {proto::FAULT_BITMAP_COPY_UNSUPPORTED, "Source lacks bitmap support"},
    {proto::FAULT_BITMAP_COPY_INCONSISTENT,
     "Cannot copy inconsistent bitmap '{t}'\n"
     "Try --skip-broken-bitmaps, or use 'qemu-img bitmap --remove' to delete "
     "it"},
    {proto::FAULT_BITMAP_COPY_SKIPPED, "Skipping inconsistent bitmap '{t}'"},
};

}  // namespace

std::span<const FaultRow> BitmapFaults() {
  return kRows;
}

}  // namespace instar::compat
