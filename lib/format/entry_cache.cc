#include "lib/format/entry_cache.h"

namespace instar {

Status EntryCache::Init(Arena& arena, File& file, uint64_t page_bytes,
                        uint64_t num_pages) {
  INSTAR_CHECK(IsPowerOfTwo(page_bytes) && page_bytes <= kMaxPageBytes);
  file_ = &file;
  page_bytes_ = page_bytes;
  fresh_from_ = file.size();
  pages_ = std::span(TRY(arena.NewArray<Page>(num_pages)), num_pages);
  const MutableBytes memory =
      TRY(arena.Allocate(num_pages * page_bytes, page_bytes));
  for (uint64_t i = 0; i < num_pages; ++i) {
    pages_[i].bytes = TRY(memory.Slice(i * page_bytes, page_bytes));
  }
  return {};
}

Status EntryCache::Write(Page& page) {
  if (page.dirty) {
    TRY(file_->WriteAt(page.offset, page.bytes.view()));
    page.dirty = false;
  }
  return {};
}

Result<EntryCache::Page*> EntryCache::Find(uint64_t offset) {
  const uint64_t start = AlignDown(offset, page_bytes_);
  Page& page = pages_[start / page_bytes_ % pages_.size()];
  if (page.offset == start) {
    return &page;
  }
  if (page.dirty) {
    // All, so that the next ones wait for no disk.
    TRY(in_order_ ? Flush() : Write(page));
  }
  page.offset = ~uint64_t{0};
  if (start >= fresh_from_) {
    page.bytes.Fill(0);
    fresh_from_ = start + page_bytes_;
  } else {
    TRY(file_->ReadAt(start, page.bytes));
  }
  page.offset = start;
  return &page;
}

Status EntryCache::Flush() {
  TRY(in_order_ ? file_->Flush() : Status());
  for (Page& page : pages_) {
    TRY(Write(page));
  }
  return {};
}

}  // namespace instar
