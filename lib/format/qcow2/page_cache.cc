#include "lib/format/qcow2/page_cache.h"

#include <bit>

#include "lib/base/checked.h"

namespace instar::qcow2 {
namespace {

constexpr uint64_t kNoOffset = ~uint64_t{0};
constexpr uint64_t kHashFactor = 0x9e37'79b9'7f4a'7c15;  // 2^64 / golden ratio

}  // namespace

Status PageCache::Init(Arena& arena, File& file, uint64_t page_bytes,
                       uint64_t num_pages) {
  file_ = &file;
  page_bytes_ = page_bytes;
  page_bits_ = static_cast<uint64_t>(std::countr_zero(page_bytes));
  const uint64_t num_buckets = std::bit_ceil(num_pages * 2);
  bucket_shift_ = 64 - static_cast<uint64_t>(std::countr_zero(num_buckets));
  pages_ = std::span(TRY(arena.NewArray<Page>(num_pages)), num_pages);
  buckets_ = std::span(TRY(arena.NewArray<Page*>(num_buckets)), num_buckets);
  const uint64_t total = TRY(CheckedMul(num_pages, page_bytes));
  const MutableBytes memory = TRY(arena.Allocate(total, 64));
  for (uint64_t i = 0; i < num_pages; ++i) {
    pages_[i].bytes = TRY(memory.Slice(i * page_bytes, page_bytes));
  }
  return {};
}

Page** PageCache::Bucket(uint64_t offset) {
  return &buckets_[((offset >> page_bits_) * kHashFactor) >> bucket_shift_];
}

Page* PageCache::Find(uint64_t offset) {
  if (last_ != nullptr && last_->offset == offset) {
    return last_;
  }
  for (Page* page = *Bucket(offset); page != nullptr; page = page->next) {
    if (page->offset == offset) {
      page->recent = true;
      last_ = page;
      return page;
    }
  }
  return nullptr;
}

Page* PageCache::Victim() {
  // The second round finds every `recent` mark cleared by the first.
  for (uint64_t i = 0; i < 2 * pages_.size(); ++i) {
    Page* page = &pages_[hand_];
    hand_ = hand_ + 1 == pages_.size() ? 0 : hand_ + 1;
    if (!page->recent) {
      return page;
    }
    page->recent = false;
  }
  return &pages_[hand_];
}

void PageCache::Unlink(Page* page) {
  if (page->offset == kNoOffset) {
    return;
  }
  Page** link = Bucket(page->offset);
  while (*link != page) {
    link = &(*link)->next;
  }
  *link = page->next;
  page->next = nullptr;
  page->offset = kNoOffset;
  page->recent = false;
  if (page->dirty) {
    page->dirty = false;
    --num_dirty_;
  }
}

void PageCache::Link(Page* page, uint64_t offset) {
  Page** bucket = Bucket(offset);
  page->offset = offset;
  page->next = *bucket;
  page->recent = true;
  *bucket = page;
  last_ = page;
}

Status PageCache::Load(Page* page, uint64_t offset) {
  INSTAR_CHECK(!page->dirty);
  Unlink(page);
  TRY(file_->ReadAt(offset, page->bytes));
  Link(page, offset);
  return {};
}

void PageCache::FillZero(Page* page, uint64_t offset) {
  INSTAR_CHECK(!page->dirty);
  Unlink(page);
  page->bytes.Fill(0);
  Link(page, offset);
}

void PageCache::Drop(uint64_t offset) {
  Page* page = Find(offset);
  if (page != nullptr) {
    Unlink(page);
  }
}

Status PageCache::Flush() {
  for (uint64_t i = 0; i < pages_.size() && num_dirty_ != 0; ++i) {
    Page* page = &pages_[i];
    if (page->dirty) {
      TRY(file_->WriteAt(page->offset, page->bytes.view()));
      page->dirty = false;
      --num_dirty_;
    }
  }
  return {};
}

}  // namespace instar::qcow2
