// Opens an image's extents for writing.
#pragma once

#include "lib/base/opener.h"

namespace instar::vmdk {

class ExtentOpener final : public Opener {
 public:
  explicit ExtentOpener(Opener& opener) : opener_(&opener) {}

  OpenRules rules() const override { return opener_->rules(); }
  Result<File*> Open(const File& from, ReferenceRole /*role*/, ByteView name,
                     ByteView format) override {
    return opener_->Open(from, ReferenceRole::kTargetExtent, name, format);
  }

 private:
  Opener* opener_;
};

}  // namespace instar::vmdk
