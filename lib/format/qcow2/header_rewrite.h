// The first cluster of an image that is there already, written anew as
// qemu-img does when metadata moves: known fields and extensions in its own
// order, unknown extensions kept, all else zeroes.
#pragma once

#include <cstdint>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"
#include "lib/format/qcow2/extensions.h"
#include "lib/format/qcow2/header.h"

namespace instar::qcow2 {

class HeaderRewrite {
 public:
  // Reads the cluster as it is, of which `header` was read.
  // Errors: kErrno, kNoMemory.
  Status Init(Arena& arena, File& file, const Header& header);

  // Writes it in one piece, so that it says what the arguments say.
  // `backing_file` may be empty: there is none. `header` gets the place of its
  // name and its own length.
  // Errors: kErrno, with ENOSPC where the cluster is too short.
  Status Write(Header& header, const Extensions& extensions,
               ByteView backing_file);

  // The name of the backing file that the cluster had at first.
  ByteView old_backing_file() const;

 private:
  Status Build(Header& header, const Extensions& extensions,
               ByteView backing_file);
  Status PutFields(const Header& header);
  Status PutLaterFields(const Header& header);
  Status PutExtensions(const Header& header, const Extensions& extensions,
                       uint64_t& at);
  Status PutUnknown(uint64_t& at);
  Status CopyEncryption(uint64_t& at);

  File* file_ = nullptr;
  Header old_header_;
  MutableBytes old_;
  MutableBytes new_;
};

}  // namespace instar::qcow2
