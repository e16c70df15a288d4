#include "lib/format/qcow2/shrinking.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/crop.h"
#include "lib/format/qcow2/header_fields.h"
#include "lib/format/qcow2/l2_map.h"

namespace instar::qcow2 {
namespace {

// qemu-img gives the table in whose part of the disk the end lies to the image
// even where it was missing.
Status MakeLastTable(Metadata& image, uint64_t bytes) {
  const Geometry& geometry = image.geometry();
  const uint64_t first = geometry.Clusters(bytes);
  if (first % geometry.l2_entries() == 0 ||
      first >= geometry.Clusters(image.header.virtual_size())) {
    return {};
  }
  L2Map map(image.tables(), image.refcounts(), geometry, image.header.l1_offset,
            image.header.num_l1_entries);
  TRY(map.WritableTable(first << geometry.cluster_bits));
  return {};
}

}  // namespace

Status Shrink(Metadata& image, File* data_file, uint64_t bytes) {
  File& file = image.file();
  TRY(MakeLastTable(image, bytes));
  TRY(image.Sync());
  TRY(PutVirtualSize(file, bytes));
  image.header.size = bytes;
  TRY(Crop(image, bytes, EmptyTables::kFree));
  TRY(image.Sync());
  TRY(image.refcounts().DropEmptyBlocks());
  TRY(image.Sync());
  if (data_file != nullptr) {
    TRY(data_file->Truncate(bytes, FilePreallocation::kSparse));
    TRY(data_file->Flush());
  }
  const uint64_t end = TRY(image.refcounts().EndOfUse(file.size()));
  return end < file.size() ? file.Truncate(end, FilePreallocation::kSparse)
                           : Status();
}

}  // namespace instar::qcow2
