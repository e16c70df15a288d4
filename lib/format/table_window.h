// A table of an image that is written: numbers of one kind, of which a window
// of fixed size is in memory. It suits allocation in the order of the disk.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/checked.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

class TableWindow {
 public:
  static constexpr uint64_t kBytes = 64 * 1024;

  TableWindow() = default;

  // From now on what was written to the file before is durable before any entry
  // is written.
  void WriteInOrder() { in_order_ = true; }
  // Whether the next call about `at` writes entries first.
  bool Moves(uint64_t at) const {
    return changed_from_ != changed_to_ && AlignDown(at, kBytes) != start_;
  }

  // The table is the bytes [offset, +length) of `file`; those beyond its end
  // are zeroes. Errors: kNoMemory.
  static Result<TableWindow> Create(Arena& arena, File& file, uint64_t offset,
                                    uint64_t length);

  // The number at `at`, a multiple of its size, from the table's start.
  // Errors: kErrno, kOutOfBounds.
  template <typename F>
  Result<uint64_t> Load(uint64_t at) {
    const MutableBytes place = TRY(Place(at, F::kSize));
    return uint64_t{TRY(place.view().template At<F>(0))};
  }

  // Errors: those of Load.
  template <typename F>
  Status Store(uint64_t at, typename F::Value value) {
    const MutableBytes place = TRY(Place(at, F::kSize));
    TRY(place.template Put<F>(0, value));
    Touch(at, F::kSize);
    return {};
  }

  // The bytes [at, +length) as they are now. Valid until the next call.
  // REQUIRES: they lie in one window. Errors: those of Load.
  Result<ByteView> View(uint64_t at, uint64_t length);

  // Writes out what was changed. Errors: kErrno.
  Status Flush();

 private:
  Result<MutableBytes> Place(uint64_t at, uint64_t length);
  void Touch(uint64_t at, uint64_t length);

  File* file_ = nullptr;
  uint64_t offset_ = 0;
  uint64_t length_ = 0;
  MutableBytes bytes_;
  bool in_order_ = false;
  bool is_loaded_ = false;
  uint64_t start_ = 0;  // the window's, from the table's
  // What was changed, from the table's start; empty: nothing.
  uint64_t changed_from_ = 0;
  uint64_t changed_to_ = 0;
};

}  // namespace instar
