#include "lib/format/qcow2/new_layout.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/metadata.h"
#include "lib/format/qcow2/refcount_field.h"

namespace instar::qcow2 {
namespace {

// Where the header finds its tables.
struct Places {
  uint64_t l1_offset = 0;
  uint64_t table_offset = 0;
  uint64_t table_clusters = 1;

  bool operator==(const Places&) const = default;
};

// The steps from the old layout to the new one. Each is durable before the
// next, and none touches what the header refers to, but to drop references.
class Moving {
 public:
  Moving(Arena& arena, File& file, const Header& header)
      : arena_(arena), file_(file), header_(header), layout_(header) {}

  Status Run();

 private:
  Status WriteCluster(uint64_t offset) {
    return file_.WriteAt(offset, cluster_.view());
  }
  Status ClearL1(uint64_t offset) {
    return file_.WriteZeroes(
        offset, layout_.l1_clusters() << header_.cluster_bits, false);
  }
  Status WriteBlock(uint64_t offset, uint64_t first_used, uint64_t num_used);
  Status WriteTable();
  Status WriteNewTables();
  Status SwitchTo(const Places& places);
  Status MoveAside();
  Status WriteAsideTables(uint64_t start, uint64_t table_clusters);
  Result<uint64_t> EndOfAll() const;

  Arena& arena_;
  File& file_;
  const Header& header_;
  NewLayout layout_;
  MutableBytes cluster_;
};

// A block whose counts from `first_used` on are 1, so many of them, and 0
// elsewhere.
Status Moving::WriteBlock(uint64_t offset, uint64_t first_used,
                          uint64_t num_used) {
  cluster_.Fill(0);
  for (uint64_t i = 0; i < num_used; ++i) {
    PutRefcount(cluster_, header_.refcount_order, first_used + i, 1);
  }
  return WriteCluster(offset);
}

Status Moving::WriteTable() {
  cluster_.Fill(0);
  TRY(cluster_.Put<Be64>(0, layout_.refcount_block_offset()));
  return WriteCluster(layout_.refcount_table_offset());
}

Status Moving::SwitchTo(const Places& places) {
  using L = HeaderLayout;
  uint8_t record[20];
  const MutableBytes bytes(record, sizeof record);
  const uint32_t clusters = TRY(Narrow<uint32_t>(places.table_clusters));
  TRY(bytes.Put<Be64>(0, places.l1_offset));
  TRY(bytes.Put<Be64>(L::kRefcountTableOffset.offset - L::kL1TableOffset.offset,
                      places.table_offset));
  TRY(bytes.Put<Be32>(
      L::kRefcountTableClusters.offset - L::kL1TableOffset.offset, clusters));
  TRY(file_.Flush());
  TRY(file_.WriteAt(L::kL1TableOffset.offset, bytes.view()));
  return file_.Flush();
}

// In clusters: nothing that the header refers to lies at or behind it.
Result<uint64_t> Moving::EndOfAll() const {
  const Geometry& geometry = layout_.geometry();
  const uint64_t table_bytes = TRY(
      CheckedMul(header_.refcount_table_clusters, geometry.cluster_bytes()));
  const uint64_t table_end =
      TRY(CheckedAdd(header_.refcount_table_offset, table_bytes));
  const uint64_t l1_end =
      TRY(CheckedAdd(header_.l1_offset, layout_.l1_bytes()));
  const uint64_t end = Max(file_.size(), Max(table_end, l1_end));
  return Max(geometry.Clusters(end), layout_.clusters());
}

// The tables of an empty image, far from all that the present ones need.
Status Moving::MoveAside() {
  const Geometry& geometry = layout_.geometry();
  const uint64_t start = TRY(EndOfAll());
  // Blocks for the first cluster, and for these here, which may meet two.
  constexpr uint64_t kBlocks = 3;
  const uint64_t per_block = geometry.refcounts_per_block();
  uint64_t table_clusters = 1;
  for (int i = 0; i < 2; ++i) {
    const uint64_t end =
        start + table_clusters + kBlocks + layout_.l1_clusters();
    table_clusters =
        geometry.Clusters((end / per_block + 1) * kRefcountTableEntryBytes);
  }
  TRY(WriteAsideTables(start, table_clusters));
  return SwitchTo(
      {.l1_offset = (start + table_clusters + kBlocks) << header_.cluster_bits,
       .table_offset = start << header_.cluster_bits,
       .table_clusters = table_clusters});
}

Status Moving::WriteAsideTables(uint64_t start, uint64_t table_clusters) {
  const uint64_t bits = header_.cluster_bits;
  const uint64_t per_block = layout_.geometry().refcounts_per_block();
  const uint64_t blocks = start + table_clusters;
  const uint64_t end = blocks + 3 + layout_.l1_clusters();
  TRY(file_.WriteZeroes(start << bits, (end - start) << bits, false));
  const uint64_t block_indices[] = {0, start / per_block,
                                    (end - 1) / per_block};
  uint8_t entry[Be64::kSize];
  const MutableBytes entry_bytes(entry, sizeof entry);
  for (uint64_t i = 0; i < 3; ++i) {
    const uint64_t index = block_indices[i];
    const uint64_t first = index * per_block;
    cluster_.Fill(0);
    if (index == 0) {
      PutRefcount(cluster_, header_.refcount_order, 0, 1);
    }
    for (uint64_t used = Max(start, first); used < Min(end, first + per_block);
         ++used) {
      PutRefcount(cluster_, header_.refcount_order, used - first, 1);
    }
    // Of two for the same clusters the later one counts.
    TRY(WriteCluster((blocks + i) << bits));
    TRY(entry_bytes.Put<Be64>(0, (blocks + i) << bits));
    TRY(file_.WriteAt((start << bits) + index * kRefcountTableEntryBytes,
                      entry_bytes.view()));
  }
  return {};
}

Status Moving::WriteNewTables() {
  TRY(ClearL1(layout_.l1_offset()));
  TRY(WriteBlock(layout_.refcount_block_offset(), 0, layout_.clusters()));
  return WriteTable();
}

Status Moving::Run() {
  cluster_ = TRY(arena_.Allocate(layout_.cluster_bytes()));
  // Nothing refers to a cluster of data any more: all of them leak.
  TRY(file_.WriteZeroes(header_.l1_offset, layout_.l1_bytes(), false));
  TRY(file_.Flush());
  const Places wanted = {.l1_offset = layout_.l1_offset(),
                         .table_offset = layout_.refcount_table_offset()};
  const Places present = {.l1_offset = header_.l1_offset,
                          .table_offset = header_.refcount_table_offset,
                          .table_clusters = header_.refcount_table_clusters};
  TRY(file_.ReadAt(wanted.table_offset, cluster_));
  const uint64_t block = TRY(cluster_.view().At<Be64>(0));
  if (present == wanted && block == layout_.refcount_block_offset()) {
    TRY(WriteTable());
    TRY(file_.Flush());
    TRY(WriteBlock(block, 0, layout_.clusters()));
  } else {
    TRY(MoveAside());
    TRY(WriteNewTables());
    TRY(SwitchTo(wanted));
  }
  TRY(file_.Flush());
  TRY(file_.Truncate(layout_.clusters() << header_.cluster_bits,
                     FilePreallocation::kSparse));
  return file_.Flush();
}

}  // namespace

NewLayout::NewLayout(const Header& header)
    : geometry_(GeometryOf(header)), l1_entries_(header.num_l1_entries) {}

Status StartAnew(Arena& arena, File& file, const Header& header) {
  return Moving(arena, file, header).Run();
}

}  // namespace instar::qcow2
