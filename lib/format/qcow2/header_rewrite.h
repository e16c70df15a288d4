// The first cluster of an image that is there already, written anew as
// qemu-img does when metadata moves: known fields and extensions in its own
// order, unknown extensions kept, all else zeroes.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

// What may differ from what is in the file.
struct HeaderChanges {
  uint64_t autoclear = 0;  // version 3
  uint64_t refcount_table_offset = 0;
  uint64_t refcount_table_clusters = 0;
  // The bitmaps extension; none where there are no bitmaps.
  uint64_t num_bitmaps = 0;
  uint64_t bitmap_directory_offset = 0;
  uint64_t bitmap_directory_bytes = 0;
};

class HeaderRewrite {
 public:
  // Reads the cluster as it is. `header` must outlive this.
  // Errors: kErrno, kNoMemory.
  Status Init(Arena& arena, File& file, const Header& header);

  // Writes it in one piece.
  // Errors: kErrno, with ENOSPC where the cluster is too short.
  Status Write(const HeaderChanges& changes);

 private:
  Status Build(const HeaderChanges& changes);
  Status PutFields(const HeaderChanges& changes);
  Status PutExtensions(const HeaderChanges& changes, uint64_t& at);
  Status PutUnknown(uint64_t& at);
  Status CopyExtension(uint32_t type, bool is_text, uint64_t& at);

  File* file_ = nullptr;
  const Header* header_ = nullptr;
  MutableBytes old_;
  MutableBytes new_;
};

}  // namespace instar::qcow2
