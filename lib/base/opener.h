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
};

class Opener {
 public:
  // Opens, for reading, the file that the image in `from` calls `name`. The
  // File lives as long as the operation.
  // Errors: kReference (with errno), kReferenceRefused, kBackingLoop.
  virtual Result<File*> Open(const File& from, ReferenceRole role,
                             ByteView name, ByteView format) = 0;

 protected:
  ~Opener() = default;
};

}  // namespace instar
