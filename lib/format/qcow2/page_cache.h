// A bounded cache of equal pieces (pages) of one kind of on-disk table.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar::qcow2 {

// One cached piece of the file.
struct Page {
  uint64_t offset =
      ~uint64_t{0};  // in the file, bytes; all ones: holds nothing
  MutableBytes bytes;
  Page* next = nullptr;  // in the same hash bucket
  bool dirty = false;
  bool recent = false;  // looked up since the clock hand last passed
};

class PageCache {
 public:
  // Cuts room for `num_pages` pages of `page_bytes`, a power of two.
  // Errors: kNoMemory.
  Status Init(Arena& arena, File& file, uint64_t page_bytes,
              uint64_t num_pages);

  uint64_t page_bytes() const { return page_bytes_; }
  bool dirty() const { return num_dirty_ != 0; }

  // The page at `offset`, a multiple of page_bytes; null: not cached.
  Page* Find(uint64_t offset);

  // The page that must make room next. It may be dirty.
  Page* Victim();

  // Makes `page`, which is clean, hold the file's bytes at `offset`, or zeroes.
  // REQUIRES: Find(offset) is null.
  Status Load(Page* page, uint64_t offset);
  void FillZero(Page* page, uint64_t offset);

  void MarkDirty(Page* page) {
    num_dirty_ += page->dirty ? 0 : 1;
    page->dirty = true;
  }

  // Forgets the page at `offset`, dirty or not.
  void Drop(uint64_t offset);

  // Writes all dirty pages.
  Status Flush();

 private:
  Page** Bucket(uint64_t offset);
  void Unlink(Page* page);
  void Link(Page* page, uint64_t offset);

  File* file_ = nullptr;
  std::span<Page> pages_;
  std::span<Page*> buckets_;
  Page* last_ = nullptr;  // the page found last
  uint64_t page_bytes_ = 0;
  uint64_t page_bits_ = 0;
  uint64_t bucket_shift_ = 0;
  uint64_t hand_ = 0;
  uint64_t num_dirty_ = 0;
};

}  // namespace instar::qcow2
