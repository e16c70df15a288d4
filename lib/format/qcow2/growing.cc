// A qcow2 image grows: an L1 table that is long enough, zeroes where something
// below would show, and then the header's size.
#include "lib/format/growing.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/codec/unpacker.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/qcow2_target.h"

namespace instar {
namespace {

using qcow2::Geometry;
using qcow2::Header;
using qcow2::kL1EntryBytes;
using qcow2::kMaxL1Bytes;
using qcow2::Metadata;
using qcow2::Qcow2Target;
using qcow2::Table;
using qcow2::TablePlaces;

constexpr uint8_t kName[] = {'q', 'c', 'o', 'w', '2'};
constexpr Error kUnsupportedHere = {.fault = Fault::kErrno,
                                    .error = kEopnotsupp};

uint64_t L1EntriesFor(const Header& header, uint64_t size) {
  return DivRoundUp(size, uint64_t{1} << header.l2_coverage_bits());
}

// A copy of the L1 table with room for `entries`; the header does not know of
// it yet. Returns where it is.
Result<uint64_t> CopyL1(Metadata& metadata, uint64_t entries) {
  const Header& header = metadata.header;
  const Geometry& geometry = metadata.geometry();
  const uint64_t bytes = entries * kL1EntryBytes;
  const uint64_t clusters = geometry.Clusters(bytes);
  const uint64_t offset = TRY(metadata.Allocate(clusters));
  const uint64_t room = clusters << geometry.cluster_bits;
  TRY(metadata.file().WriteZeroes(offset, room, false));
  for (uint64_t i = 0; i < header.num_l1_entries; ++i) {
    const uint64_t entry = TRY(metadata.tables().Load64(
        Table::kL1, header.l1_offset + i * kL1EntryBytes));
    TRY(metadata.tables().Store64(Table::kL1, offset + i * kL1EntryBytes,
                                  entry));
  }
  return offset;
}

// Makes [from, to) of the larger disk read as zeroes, so that nothing below
// shows. The header does not know of these bytes yet.
Status HideBelow(Metadata& metadata, const TablePlaces& places, Image* backing,
                 uint64_t from, uint64_t to) {
  Geometry geometry = metadata.geometry();
  if (geometry.version < 3 || geometry.external_data) {
    return kUnsupportedHere;
  }
  geometry.virtual_size = to;
  Arena& arena = metadata.arena();
  Qcow2Target* target = TRY(arena.New<Qcow2Target>(
      LayerCopy(arena, &codec::Unpacker::Create), metadata.file(),
      metadata.file(), backing, geometry, places));
  TRY(target->Init(arena));
  target->WriteInOrder();
  TRY(target->WriteZeroes(from, to - from, false));
  return target->Finish();
}

// What the new size needs, before the header knows of it. Returns where the L1
// table is.
Result<TablePlaces> PrepareGrowth(Arena& arena, File& file, const Image& image,
                                  uint64_t size) {
  Metadata metadata(arena, file);
  TRY(metadata.Open(1));
  const Header& header = metadata.header;
  const bool has_old_snapshots =
      header.num_snapshots != 0 && header.version < 3;
  const uint64_t entries = L1EntriesFor(header, size);
  if (has_old_snapshots || entries > kMaxL1Bytes / kL1EntryBytes) {
    return kUnsupportedHere;
  }
  TRY(metadata.BeginChanges());
  TablePlaces places = {.l1_offset = header.l1_offset,
                        .l1_entries = header.num_l1_entries};
  if (entries > header.num_l1_entries) {
    places.l1_offset = TRY(CopyL1(metadata, entries));
    places.l1_entries = entries;
    TRY(metadata.Sync());
  }
  places.refcount_table_offset = metadata.refcounts().table_offset();
  places.refcount_table_clusters = metadata.refcounts().table_clusters();
  const uint64_t old_size = header.virtual_size();
  Image* below = image.backing();
  if (below != nullptr && below->virtual_size() > old_size) {
    TRY(HideBelow(metadata, places, below, old_size, size));
  }
  return places;
}

Status Grow(Arena& arena, File& file, const Image& image, uint64_t size) {
  const TablePlaces places = TRY(PrepareGrowth(arena, file, image, size));
  Metadata metadata(arena, file);
  TRY(metadata.Open(1));
  TRY(metadata.BeginChanges());
  Header& header = metadata.header;
  const uint64_t old_offset = header.l1_offset;
  const uint64_t old_bytes = header.num_l1_entries * kL1EntryBytes;
  header.l1_offset = places.l1_offset;
  header.num_l1_entries = places.l1_entries;
  header.autoclear = KeptAutoclear(header);
  header.size = size;
  TRY(metadata.WriteHeader());
  if (old_offset == places.l1_offset) {
    return {};
  }
  TRY(metadata.refcounts().Free(old_offset, old_bytes, false));
  return metadata.Sync();
}

}  // namespace

constinit const Grower kQcow2Grower = {.format = ByteView{kName, sizeof kName},
                                       .grow = &Grow};

}  // namespace instar
