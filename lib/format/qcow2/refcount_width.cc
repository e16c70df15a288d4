#include "lib/format/qcow2/refcount_width.h"

#include "lib/base/checked.h"
#include "lib/format/qcow2/layout.h"
#include "lib/format/qcow2/overlap.h"
#include "lib/format/qcow2/refcount_field.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kMaxEntries =
    kMaxRefcountTableBytes / kRefcountTableEntryBytes;
// Each round adds what counts the additions of the last: far fewer.
constexpr uint64_t kMaxRounds = 100;
// New blocks of which it is checked that they overwrite no table.
constexpr uint64_t kMaxChecked = 256;

}  // namespace

void RefcountWidth::Report(uint64_t round, uint64_t block) {
  const uint64_t all = total_rounds_ * old_entries();
  const uint64_t done = Min(round * old_entries() + block, all);
  const uint64_t percents = done * 100 / all;
  if (percents != reported_) {
    reported_ = percents;
    progress_->Report(done, all);
  }
}

Status RefcountWidth::Change() {
  table_ = TRY(image_->arena().AllocateZeroed(kMaxRefcountTableBytes));
  block_ = TRY(image_->arena().Allocate(image_->geometry().cluster_bytes()));
  TRY(Allocate());
  TRY(WriteBlocks(total_rounds_ - 1));
  const uint64_t bytes = entries_ * kRefcountTableEntryBytes;
  TRY(image_->file().WriteAt(table_offset_, table_.Prefix(bytes).view()));
  TRY(image_->Sync());
  const uint64_t old_table = image_->refcounts().table_offset();
  const uint64_t old_clusters = image_->refcounts().table_clusters();
  const uint64_t old_count = old_entries();
  TRY(image_->UseRefcounts(order_, table_offset_,
                           image_->geometry().Clusters(bytes)));
  TRY(image_->WriteHeader());
  return FreeOld(old_table, old_clusters, old_count);
}

// ---- Allocating -------------------------------------------------------------

Status RefcountWidth::Allocate() {
  for (uint64_t round = 0; round < kMaxRounds; ++round) {
    total_rounds_ = Max(round + 2, 3);
    if (!TRY(AllocateOnce(round))) {
      total_rounds_ = round + 2;
      return {};
    }
    const uint64_t bytes = entries_ * kRefcountTableEntryBytes;
    if (table_offset_ != 0) {
      TRY(image_->refcounts().Free(table_offset_, bytes, false));
    }
    table_offset_ =
        TRY(AllocateApart(*image_, image_->geometry().Clusters(bytes)));
  }
  return Error{.fault = Fault::kInternal, .value = entries_};
}

// Whether anything was missing. Goes through clusters in steps that lie in one
// old block and count to one new block.
Result<bool> RefcountWidth::AllocateOnce(uint64_t round) {
  const uint64_t old_per_block = image_->geometry().refcounts_per_block();
  const uint64_t step = Min(old_per_block, new_per_block());
  bool allocated = false;
  bool empty = true;
  uint64_t next = 0;
  // The table may grow meanwhile.
  while (next < old_entries() * old_per_block) {
    const uint64_t first = next;
    next += step;
    if (TRY(image_->refcounts().HasBlock(first))) {
      empty = TRY(AreFree(first, step)) && empty;
    } else if (first % old_per_block == 0) {
      next = first + old_per_block;
    }
    Report(round, next / old_per_block);
    if (next % new_per_block() == 0 || next == old_entries() * old_per_block) {
      if (!empty) {
        TRY(AllocateBlock(first / new_per_block(), allocated));
      }
      empty = true;
    }
  }
  return allocated;
}

Result<bool> RefcountWidth::AreFree(uint64_t first, uint64_t count) {
  bool free = true;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t refcount = TRY(image_->refcounts().Count(first + i));
    TRY(CheckFits(first + i, refcount));
    free = free && refcount == 0;
  }
  return free;
}

Status RefcountWidth::CheckFits(uint64_t cluster, uint64_t refcount) const {
  const uint64_t bits = uint64_t{1} << order_;
  if (bits < 64 && refcount >> bits != 0) {
    return Error{.fault = Fault::kAmendRefcountTooLarge,
                 .value = bits,
                 .value2 = cluster << image_->geometry().cluster_bits,
                 .value3 = refcount};
  }
  return {};
}

Status RefcountWidth::AllocateBlock(uint64_t index, bool& allocated) {
  if (index >= kMaxEntries) {
    return Error{.fault = Fault::kAmendReftableTooLarge, .value = index};
  }
  const uint64_t at = index * kRefcountTableEntryBytes;
  const uint64_t per_cluster =
      image_->geometry().cluster_bytes() / kRefcountTableEntryBytes;
  if (index >= entries_) {
    entries_ = (index / per_cluster + 1) * per_cluster;
    allocated = true;
  }
  const uint64_t have = TRY(table_.view().At<Be64>(at));
  if (have != 0) {
    return {};
  }
  // Tables of an image whose refcounts lie are met first, if at all.
  const bool is_checked = num_blocks_++ < kMaxChecked;
  const uint64_t offset =
      TRY(is_checked ? AllocateApart(*image_, 1) : image_->Allocate(1));
  allocated = true;
  return table_.Put<Be64>(at, offset);
}

// ---- Writing ----------------------------------------------------------------

Status RefcountWidth::WriteBlocks(uint64_t round) {
  for (uint64_t i = 0; i < entries_; ++i) {
    Report(round, i * old_entries() / entries_);
    const uint64_t offset =
        TRY(table_.view().At<Be64>(i * kRefcountTableEntryBytes));
    if (offset != 0) {
      TRY(WriteBlock(i, offset));
    }
  }
  return {};
}

Status RefcountWidth::WriteBlock(uint64_t index, uint64_t offset) {
  block_.Fill(0);
  const uint64_t first = index * new_per_block();
  for (uint64_t i = 0; i < new_per_block(); ++i) {
    const uint64_t refcount = TRY(image_->refcounts().Count(first + i));
    if (refcount != 0) {
      TRY(CheckFits(first + i, refcount));
      PutRefcount(block_, order_, i, refcount);
    }
  }
  return image_->file().WriteAt(offset, block_.view());
}

Status RefcountWidth::FreeOld(uint64_t old_table, uint64_t old_clusters,
                              uint64_t old_entries) {
  const uint64_t cluster_bytes = image_->geometry().cluster_bytes();
  for (uint64_t i = 0; i < old_entries; ++i) {
    const uint64_t at = old_table + i * kRefcountTableEntryBytes;
    const uint64_t entry =
        TRY(image_->tables().Load64(Table::kRefcountTable, at));
    const uint64_t offset = entry & kRefcountTableOffsetMask;
    if (offset != 0) {
      TRY(image_->refcounts().Free(offset, cluster_bytes, false));
    }
  }
  TRY(image_->refcounts().Free(old_table, old_clusters * cluster_bytes, false));
  return image_->Sync();
}

}  // namespace instar::qcow2
