#include "lib/format/qcow2/l2_map.h"

#include "lib/base/checked.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kMaxSliceBytes = 64 * 1024;

}  // namespace

bool NeedsNewCluster(const Geometry& geometry, const L2Entry& entry) {
  const ClusterKind kind = ClusterKindOf(geometry.l2_dialect(), entry);
  return (kind != ClusterKind::kData && kind != ClusterKind::kZeroWithOffset) ||
         (entry.word & kEntryCopied) == 0;
}

L2Map::L2Map(TableStore& tables, Refcounts& refcounts, const Geometry& geometry,
             uint64_t l1_offset, uint64_t l1_entries)
    : tables_(&tables),
      refcounts_(&refcounts),
      geometry_(&geometry),
      l1_offset_(l1_offset),
      l1_entries_(l1_entries) {}

uint64_t L2Map::Index(uint64_t guest_offset) const {
  return (guest_offset >> geometry_->cluster_bits) &
         (geometry_->l2_entries() - 1);
}

uint64_t L2Map::EntriesLeft(uint64_t guest_offset) const {
  const uint64_t slice = Min(geometry_->cluster_bytes(), kMaxSliceBytes) /
                         geometry_->l2_entry_bytes();
  return slice - (Index(guest_offset) & (slice - 1));
}

Result<uint64_t> L2Map::L1EntryOffset(uint64_t l1_index) const {
  if (l1_index >= l1_entries_) {
    return Error{.fault = Fault::kQcow2L1TooSmall, .value = l1_index};
  }
  return l1_offset_ + l1_index * kL1EntryBytes;
}

Result<uint64_t> L2Map::TableOffset(uint64_t l1_index,
                                    uint64_t l1_entry) const {
  const uint64_t offset = l1_entry & kL1OffsetMask;
  if (geometry_->InCluster(offset) != 0) {
    return Error{.fault = Fault::kQcow2L2TableUnaligned,
                 .value = offset,
                 .value2 = l1_index};
  }
  return offset;
}

Result<uint64_t> L2Map::WritableTable(uint64_t guest_offset) {
  const uint64_t l1_index =
      (guest_offset >> geometry_->cluster_bits) / geometry_->l2_entries();
  if (l1_index == known_l1_index_) {
    return known_table_;
  }
  const uint64_t at = TRY(L1EntryOffset(l1_index));
  const uint64_t l1_entry = TRY(tables_->Load64(Table::kL1, at));
  uint64_t table = TRY(TableOffset(l1_index, l1_entry));
  if ((l1_entry & kEntryCopied) == 0) {
    const uint64_t old = table;
    const uint64_t bytes = geometry_->cluster_bytes();
    table = TRY(refcounts_->Allocate(1));
    if (table == 0) {
      return Error{.fault = Fault::kQcow2CorruptEntry, .value = l1_entry};
    }
    TRY(tables_->PutZeroes(Table::kL2, table, bytes));
    if (old != 0) {
      TRY(CopyTable(old, table));
    }
    TRY(tables_->Store64(Table::kL1, at, table | kEntryCopied));
    if (old != 0) {
      TRY(refcounts_->Free(old, bytes, false));
    }
  }
  known_l1_index_ = l1_index;
  known_table_ = table;
  return table;
}

Status L2Map::CopyTable(uint64_t from, uint64_t to) {
  for (uint64_t at = 0; at < geometry_->cluster_bytes(); at += 8) {
    const uint64_t word = TRY(tables_->Load64(Table::kL2, from + at));
    if (word != 0) {
      TRY(tables_->Store64(Table::kL2, to + at, word));
    }
  }
  return {};
}

Result<L2Entry> L2Map::Find(uint64_t guest_offset) {
  const uint64_t l1_index =
      (guest_offset >> geometry_->cluster_bits) / geometry_->l2_entries();
  if (l1_index == known_l1_index_) {
    return Load(known_table_, Index(guest_offset));
  }
  const uint64_t at = TRY(L1EntryOffset(l1_index));
  const uint64_t l1_entry = TRY(tables_->Load64(Table::kL1, at));
  const uint64_t table = TRY(TableOffset(l1_index, l1_entry));
  if (table == 0) {
    return L2Entry{};
  }
  return Load(table, Index(guest_offset));
}

Result<L2Entry> L2Map::Load(uint64_t table, uint64_t index) {
  const uint64_t at = table + index * geometry_->l2_entry_bytes();
  const Page* page = TRY(tables_->Get(Table::kL2, at));
  const ByteView bytes = page->bytes.view();
  L2Entry entry;
  entry.word = TRY(bytes.At<Be64>(at - page->offset));
  if (geometry_->extended_l2) {
    entry.bitmap = TRY(bytes.At<Be64>(at - page->offset + kL2EntryBytes));
  }
  return entry;
}

Status L2Map::Store(uint64_t table, uint64_t index, const L2Entry& entry) {
  const uint64_t at = table + index * geometry_->l2_entry_bytes();
  Page* page = TRY(tables_->Get(Table::kL2, at));
  tables_->MarkDirty(Table::kL2, page);
  TRY(page->bytes.Put<Be64>(at - page->offset, entry.word));
  if (!geometry_->extended_l2) {
    return {};
  }
  return page->bytes.Put<Be64>(at - page->offset + kL2EntryBytes, entry.bitmap);
}

}  // namespace instar::qcow2
