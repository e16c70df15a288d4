#include "lib/format/vmdk/grain_tables.h"

#include "lib/base/checked.h"
#include "lib/base/errno.h"
#include "lib/format/host_extents.h"
#include "lib/format/vmdk/layout.h"

namespace instar::vmdk {
namespace {

constexpr Error kNoTable = {.fault = Fault::kErrno, .error = kEinval};

}  // namespace

Status GrainTables::Init(Arena& arena, File& file) {
  for (Page& page : pages_) {
    page.bytes = TRY(arena.Allocate(kPageBytes));
  }
  directory_file_ = &file;
  directory_ = TRY(BlockCache::Create(arena, file, 1));
  second_directory_ = TRY(BlockCache::Create(arena, file, 1));
  return {};
}

Result<uint64_t> GrainTables::Load(const ImageExtent& extent, uint64_t grain) {
  Page* page = TRY(Find(extent, grain));
  const uint64_t index = grain - last_first_grain_;
  const uint64_t entry = TRY(page->bytes.view().At<Le32>(index * Le32::kSize));
  return entry;
}

Status GrainTables::Store(const ImageExtent& extent, uint64_t grain,
                          uint64_t entry) {
  Page* page = TRY(Find(extent, grain));
  const uint64_t at = (grain - last_first_grain_) * Le32::kSize;
  const uint64_t end = at + Le32::kSize;
  const bool clean = page->dirty_from == page->dirty_to;
  page->dirty_from = clean ? at : Min(page->dirty_from, at);
  page->dirty_to = clean ? end : Max(page->dirty_to, end);
  const uint32_t stored = TRY(Narrow<uint32_t>(entry));
  return page->bytes.Put<Le32>(at, stored);
}

Status GrainTables::Barrier() {
  const File* flushed = nullptr;
  for (const Page& page : pages_) {
    if (page.dirty_from != page.dirty_to && page.file != flushed) {
      TRY(page.file->Flush());
      flushed = page.file;
    }
  }
  return {};
}

Status GrainTables::Flush() {
  TRY(in_order_ ? Barrier() : Status());
  for (Page& page : pages_) {
    TRY(Write(page));
  }
  return {};
}

// The second copy goes first: a table that readers look at is never ahead of
// it.
Status GrainTables::Write(Page& page) {
  const uint64_t from = page.dirty_from;
  if (from == page.dirty_to) {
    return {};
  }
  const MutableBytes bytes = TRY(page.bytes.Slice(from, page.dirty_to - from));
  if (page.second_offset != 0) {
    TRY(page.file->WriteAt(page.second_offset + from, bytes.view()));
  }
  TRY(page.file->WriteAt(page.offset + from, bytes.view()));
  page.dirty_to = from;
  return {};
}

Result<GrainTables::Page*> GrainTables::TakePage() {
  Page* oldest = &pages_[0];
  for (Page& page : pages_) {
    oldest = page.last_use < oldest->last_use ? &page : oldest;
  }
  if (oldest->dirty_from != oldest->dirty_to) {
    // All, so that the next ones wait for no disk.
    TRY(in_order_ ? Flush() : Write(*oldest));
  }
  oldest->file = nullptr;
  last_extent_ = nullptr;
  return oldest;
}

// Where table number `table` begins, which must be inside the file.
Result<uint64_t> GrainTables::TableOffset(const ImageExtent& extent,
                                          BlockCache& directory,
                                          uint64_t directory_offset,
                                          uint64_t table) {
  if (directory_file_ != extent.file) {
    directory_file_ = extent.file;
    directory_.SetFile(*extent.file);
    second_directory_.SetFile(*extent.file);
  }
  const uint64_t sector =
      TRY(directory.At<Le32>(directory_offset + table * Le32::kSize));
  const uint64_t offset = sector * kSectorBytes;
  const uint64_t end = offset + extent.table_entries * Le32::kSize;
  const uint64_t file_bytes = TRY(SectorAlignedSize(*extent.file));
  if (sector == 0 || end > file_bytes) {
    return kNoTable;
  }
  return offset;
}

Result<GrainTables::Page*> GrainTables::Find(const ImageExtent& extent,
                                             uint64_t grain) {
  if (last_extent_ == &extent && grain >= last_first_grain_ &&
      (grain - last_first_grain_) * Le32::kSize < last_->length) {
    return last_;
  }
  const uint64_t table = grain / extent.table_entries;
  const uint64_t index = AlignDown(grain % extent.table_entries, kPageEntries);
  if (table >= extent.num_directory_entries) {
    return kNoTable;
  }
  const uint64_t in_table = index * Le32::kSize;
  const uint64_t offset =
      in_table +
      TRY(TableOffset(extent, directory_, extent.directory_offset, table));
  Page* page = nullptr;
  for (Page& each : pages_) {
    page = each.file == extent.file && each.offset == offset ? &each : page;
  }
  if (page == nullptr) {
    page = TRY(TakePage());
    page->offset = offset;
    page->second_offset = 0;
    if (extent.second_directory_offset != 0) {
      page->second_offset =
          in_table + TRY(TableOffset(extent, second_directory_,
                                     extent.second_directory_offset, table));
    }
    page->length =
        Min(extent.table_entries * Le32::kSize - in_table, kPageBytes);
    TRY(extent.file->ReadAt(offset, page->bytes.Prefix(page->length)));
    page->file = extent.file;
  }
  page->last_use = ++clock_;
  last_ = page;
  last_extent_ = &extent;
  last_first_grain_ = table * extent.table_entries + index;
  return page;
}

}  // namespace instar::vmdk
