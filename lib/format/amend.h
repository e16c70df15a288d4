// Changes of what an image is made of, without a change of what it holds.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

// What is asked for; what is not stays as it is.
struct AmendRequest {
  std::optional<ByteView> compat;  // "0.10", "v2", "1.1" or "v3"
  std::optional<uint64_t> refcount_bits;
  std::optional<bool> lazy_refcounts;
  std::optional<ByteView> data_file;  // empty: no name is recorded
  std::optional<bool> data_file_raw;
  std::optional<ByteView> backing_file;
  std::optional<ByteView> backing_format;
  bool encryption = false;  // any option of it
  // The image gets another size (lib/format/resize.h) before it becomes version
  // 2, for which the request is made once more. The rest of it is no change by
  // then.
  bool size_follows = false;
  // What qemu-img allowed once, or allows by now.
  bool may_change_backing = false;
  bool may_drop_zstd = false;
};

// Hears how far a step has got.
class AmendProgress {
 public:
  virtual void Report(uint64_t done, uint64_t all) = 0;

 protected:
  ~AmendProgress() = default;
};

// Changes a qcow2 image as far as it can, in qemu-img's order: what comes
// before an error stays changed.
// Errors: those of opening it and of qcow2::CheckWritable, the kAmend…,
// kQcow2CreateRefcountBits, kErrno.
Status AmendQcow2(Arena& arena, File& file, const AmendRequest& request,
                  AmendProgress& progress);

}  // namespace instar
