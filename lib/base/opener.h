// How lib/ asks for a file that an image names. The answer is the host's
// policy; lib/ never sees a path, only the bytes of the name as they stand in
// the image.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/result.h"

namespace instar {

enum class ReferenceRole : uint8_t {
  kBacking,
  kDataFile,
  kExtent,  // a part of the image (vmdk); the name is relative to the image
  // The same of an image that is written: created, or opened for writing. Its
  // name is derived from the output's.
  kTargetExtent,
};

// What the policy asks of images themselves.
struct OpenRules {
  // A file is raw only where it is said to be, or where it at least has a
  // partition table. Otherwise a guest that writes a header of another format
  // to its raw disk chooses what is read the next time.
  bool raw_needs_table = false;
  uint64_t max_virtual_bytes = ~uint64_t{0};
};

class Opener {
 public:
  virtual OpenRules rules() const { return {}; }

  // Opens, for reading, the file that the image in `from` calls `name`. The
  // File lives as long as the operation.
  // Errors: kReference (with errno), kReferenceRefused, kBackingLoop,
  // kPolicyFormatMissing.
  virtual Result<File*> Open(const File& from, ReferenceRole role,
                             ByteView name, ByteView format) = 0;

  // Something that the user should know of an image that opens all the same.
  virtual void Warn(Fault /*fault*/) {}

 protected:
  ~Opener() = default;
};

}  // namespace instar
