// Tables of an image that is written: a bounded number of their pages, kept
// and written when they make room or when all is flushed.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

class EntryCache {
 public:
  static constexpr uint64_t kMaxPageBytes = 4096;

  // Keeps `num_pages` pages of `file`, each of `page_bytes`, a power of two,
  // and aligned to that. A page is written as a whole: no one else may write
  // to the pages that hold entries. Errors: kNoMemory.
  Status Init(Arena& arena, File& file, uint64_t page_bytes,
              uint64_t num_pages);

  // From now on what was written to the file before is durable before any entry
  // is written.
  void WriteInOrder() { in_order_ = true; }

  // The entry at `offset`, a multiple of its size; zero beyond the end of the
  // file. Errors: kErrno.
  template <typename F>
  Result<typename F::Value> Get(uint64_t offset) {
    const Page* page = TRY(Find(offset));
    return page->bytes.view().At<F>(offset - page->offset);
  }
  template <typename F>
  Status Put(uint64_t offset, typename F::Value value) {
    Page* page = TRY(Find(offset));
    page->dirty = true;
    return page->bytes.Put<F>(offset - page->offset, value);
  }

  // Writes what changed. Errors: kErrno.
  Status Flush();

 private:
  struct Page {
    MutableBytes bytes;
    uint64_t offset = ~uint64_t{0};  // in the file; all ones: holds nothing
    bool dirty = false;
  };

  Result<Page*> Find(uint64_t offset);
  Status Write(Page& page);

  File* file_ = nullptr;
  std::span<Page> pages_;
  uint64_t page_bytes_ = 0;
  bool in_order_ = false;
  // From here on no page was read, and the file held nothing at first.
  uint64_t fresh_from_ = 0;
};

}  // namespace instar
