#include "lib/format/qcow2/refcounts.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/refcount_field.h"

namespace instar::qcow2 {
namespace {

// Offsets in L1 and L2 entries have 56 bits.
constexpr uint64_t kMaxClusterOffset = (uint64_t{1} << 56) - 1;

// Retries of one allocation, each of which added a refcount block.
constexpr uint64_t kMaxRetries = 1 << 20;

}  // namespace

Refcounts::Refcounts(File& file, TableStore& tables, const Geometry& geometry,
                     uint64_t table_offset, uint64_t table_clusters)
    : file_(&file),
      tables_(&tables),
      geometry_(&geometry),
      table_offset_(table_offset),
      table_clusters_(table_clusters),
      table_entries_(table_clusters * (geometry.cluster_bytes() / 8)),
      max_refcount_(geometry.refcount_order == 6
                        ? ~uint64_t{0}
                        : (uint64_t{1} << (1 << geometry.refcount_order)) - 1) {
}

// ---- Single refcounts -------------------------------------------------------

uint64_t Refcounts::BlockIndex(uint64_t cluster) const {
  return cluster / geometry_->refcounts_per_block();
}

// Where the block is; 0: there is none.
Result<uint64_t> Refcounts::BlockOffset(uint64_t block_index) {
  if (block_index == known_block_) {
    return known_offset_;
  }
  if (block_index >= table_entries_) {
    return uint64_t{0};
  }
  const uint64_t entry = TRY(
      tables_->Load64(Table::kRefcountTable, table_offset_ + block_index * 8));
  const uint64_t offset = entry & kRefcountTableOffsetMask;
  if (geometry_->InCluster(offset) != 0) {
    return Error{.fault = Fault::kQcow2CorruptEntry, .value = entry};
  }
  if (offset != 0) {
    known_block_ = block_index;
    known_offset_ = offset;
  }
  return offset;
}

Result<Refcounts::Place> Refcounts::Locate(uint64_t cluster) {
  const uint64_t block = TRY(BlockOffset(BlockIndex(cluster)));
  if (block == 0) {
    return Place{};
  }
  const uint64_t order = geometry_->refcount_order;
  const uint64_t index = cluster & (geometry_->refcounts_per_block() - 1);
  const uint64_t byte = (index << order) / 8;
  Page* page = TRY(tables_->Get(Table::kRefcountBlock, block + byte));
  const uint64_t per_page = (tables_->page_bytes() * 8) >> order;
  return Place{.page = page, .index = index & (per_page - 1)};
}

uint64_t Refcounts::Read(const Place& place) const {
  const ByteView bytes = place.page->bytes.view();
  switch (geometry_->refcount_order) {
    case 3:
      return bytes.At<U8>(place.index).value();
    case 4:
      return bytes.At<Be16>(place.index * 2).value();
    case 5:
      return bytes.At<Be32>(place.index * 4).value();
    case 6:
      return bytes.At<Be64>(place.index * 8).value();
    default: {
      const uint64_t order = geometry_->refcount_order;
      const uint64_t bit = place.index << order;
      const uint64_t byte = bytes.At<U8>(bit / 8).value();
      return (byte >> (bit % 8)) & max_refcount_;
    }
  }
}

void Refcounts::Write(const Place& place, uint64_t value) {
  tables_->MarkDirty(Table::kRefcountBlock, place.page);
  PutRefcount(place.page->bytes, geometry_->refcount_order, place.index, value);
}

Result<uint64_t> Refcounts::Get(uint64_t cluster) {
  const Place place = TRY(Locate(cluster));
  return place.page == nullptr ? 0 : Read(place);
}

// ---- Allocation -------------------------------------------------------------

// The first run of `count` free clusters at or behind next_free_, which moves
// behind it. Nothing is taken yet.
Result<uint64_t> Refcounts::FindFree(uint64_t count) {
  const uint64_t limit = kMaxClusterOffset >> geometry_->cluster_bits;
  uint64_t run = 0;
  while (run < count) {
    if (next_free_ > limit) {
      return Error{.fault = Fault::kSizeTooLarge, .value = next_free_};
    }
    const uint64_t refcount = TRY(Get(next_free_));
    ++next_free_;
    run = refcount == 0 ? run + 1 : 0;
  }
  return next_free_ - count;
}

// Takes [first, +count), all free. False: a refcount block had to be made,
// maybe out of these very clusters; nothing is taken, and the search is to be
// done again.
Result<bool> Refcounts::Take(uint64_t first, uint64_t count) {
  TRY(tables_->BeginAllocating());
  for (uint64_t i = 0; i < count; ++i) {
    const Place place = TRY(Locate(first + i));
    if (place.page == nullptr) {
      TRY(AddBlock(first + i));
      next_free_ = Min(next_free_, first);
      TRY(Release(first, i, true, false));
      return false;
    }
    const uint64_t refcount = Read(place);
    if (refcount == max_refcount_) {
      return Error{.fault = Fault::kQcow2CorruptEntry, .value = refcount};
    }
    Write(place, refcount + 1);
  }
  if (count != 0) {
    high_water_ = Max(high_water_, (first + count) << geometry_->cluster_bits);
  }
  return true;
}

Result<uint64_t> Refcounts::Allocate(uint64_t count) {
  for (uint64_t i = 0; i < kMaxRetries; ++i) {
    const uint64_t first = TRY(FindFree(count));
    const bool taken = TRY(Take(first, count));
    if (taken) {
      return first << geometry_->cluster_bits;
    }
  }
  return Error{.fault = Fault::kSizeTooLarge, .value = count};
}

Result<uint64_t> Refcounts::AllocateAt(uint64_t offset, uint64_t count) {
  const uint64_t first = offset >> geometry_->cluster_bits;
  for (uint64_t i = 0; i < kMaxRetries; ++i) {
    uint64_t free = 0;
    while (free < count) {
      const uint64_t refcount = TRY(Get(first + free));
      if (refcount != 0) {
        break;
      }
      ++free;
    }
    const bool taken = TRY(Take(first, free));
    if (taken) {
      return free;
    }
  }
  return Error{.fault = Fault::kSizeTooLarge, .value = count};
}

// ---- Freeing ----------------------------------------------------------------

// An undo comes before anything could refer to the clusters.
Status Refcounts::Release(uint64_t first, uint64_t count, bool is_undo,
                          bool discard) {
  uint64_t run = 0;  // free clusters in front of the next one
  for (uint64_t i = 0; i < count; ++i) {
    const bool is_free = TRY(ReleaseOne(first + i, is_undo));
    if (is_free && discard) {
      ++run;
      continue;
    }
    TRY(Discard(first + i - run, run));
    run = 0;
  }
  return Discard(first + count - run, run);
}

// Whether nothing refers to it any more, which had a reference.
Result<bool> Refcounts::ReleaseOne(uint64_t cluster, bool is_undo) {
  const Place place = TRY(Locate(cluster));
  const uint64_t refcount = place.page == nullptr ? 0 : Read(place);
  if (refcount == 0) {
    return false;  // a leak the other way: the image was wrong before
  }
  Write(place, refcount - 1);
  if (refcount > 1) {
    return false;
  }
  next_free_ = Min(next_free_, cluster);
  if (!is_undo) {
    tables_->DropCluster(cluster << geometry_->cluster_bits);
  }
  return true;
}

// Lets the file give up clusters.
Status Refcounts::Discard(uint64_t first, uint64_t count) {
  const uint64_t offset = first << geometry_->cluster_bits;
  const uint64_t size = file_->size();
  if (count == 0 || offset >= size) {
    return {};
  }
  const uint64_t bytes = count << geometry_->cluster_bits;
  return file_->WriteZeroes(offset, Min(size - offset, bytes), true);
}

Result<bool> Refcounts::Share(uint64_t offset) {
  const Place place = TRY(Locate(offset >> geometry_->cluster_bits));
  const uint64_t refcount = place.page == nullptr ? 0 : Read(place);
  if (refcount == 0 || refcount == max_refcount_) {
    return false;
  }
  Write(place, refcount + 1);
  return true;
}

Status Refcounts::Free(uint64_t offset, uint64_t bytes, bool discard) {
  if (bytes == 0) {
    return {};
  }
  TRY(tables_->BeginFreeing());
  const uint64_t end = TRY(CheckedAdd(offset, bytes - 1));
  const uint64_t first = offset >> geometry_->cluster_bits;
  const uint64_t last = end >> geometry_->cluster_bits;
  return Release(first, last - first + 1, false, discard);
}

}  // namespace instar::qcow2
