#include "lib/format/qcow2/overlap.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/snapshot_list.h"

namespace instar::qcow2 {
namespace {

struct Range {
  uint64_t offset = 0;
  uint64_t bytes = 0;

  // Both lie in the file, whose length has 63 bits.
  Status Apart(Range other) const {
    const bool apart =
        bytes == 0 || other.bytes == 0 ||
        (other.offset >= offset ? other.offset - offset >= bytes
                                : offset - other.offset >= other.bytes);
    return apart ? Status() : Error{.fault = Fault::kErrno, .error = kEio};
  }
};

Status CheckRefcounts(Metadata& image, Range range) {
  const uint64_t cluster = image.geometry().cluster_bytes();
  const Range table = {.offset = image.refcounts().table_offset(),
                       .bytes = image.refcounts().table_clusters() * cluster};
  TRY(range.Apart(table));
  for (uint64_t i = 0; i < table.bytes / kRefcountTableEntryBytes; ++i) {
    const uint64_t entry = TRY(image.tables().Load64(
        Table::kRefcountTable, table.offset + i * kRefcountTableEntryBytes));
    const uint64_t block = entry & kRefcountTableOffsetMask;
    if (block != 0) {
      TRY(range.Apart({.offset = block, .bytes = cluster}));
    }
  }
  return {};
}

Status CheckActive(Metadata& image, Range range) {
  const Header& header = image.header;
  TRY(range.Apart({.offset = header.l1_offset,
                   .bytes = header.num_l1_entries * kL1EntryBytes}));
  for (uint64_t i = 0; i < header.num_l1_entries; ++i) {
    const uint64_t entry =
        TRY(image.cache().At<Be64>(header.l1_offset + i * kL1EntryBytes));
    const uint64_t table = entry & kL1OffsetMask;
    if (table != 0) {
      TRY(range.Apart(
          {.offset = table, .bytes = image.geometry().cluster_bytes()}));
    }
  }
  return {};
}

Status CheckSnapshots(Metadata& image, Range range) {
  SnapshotList list(image);
  SnapshotRecord record;
  bool more = TRY(list.Next(nullptr, record));
  while (more) {
    TRY(range.Apart({.offset = record.l1_offset,
                     .bytes = record.l1_entries * kL1EntryBytes}));
    const uint64_t start = image.header.snapshots_offset;
    TRY(range.Apart({.offset = start, .bytes = record.end() - start}));
    const SnapshotRecord last = record;
    more = TRY(list.Next(&last, record));
  }
  return {};
}

}  // namespace

Status CheckApart(Metadata& image, uint64_t offset, uint64_t bytes) {
  const Range range = {.offset = offset, .bytes = bytes};
  TRY(CheckRefcounts(image, range));
  TRY(CheckActive(image, range));
  return CheckSnapshots(image, range);
}

Result<uint64_t> AllocateApart(Metadata& image, uint64_t clusters) {
  const uint64_t offset = TRY(image.Allocate(clusters));
  TRY(CheckApart(image, offset, clusters << image.geometry().cluster_bits));
  return offset;
}

}  // namespace instar::qcow2
