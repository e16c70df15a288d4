// An Opener that finds files by name in a table.
#pragma once

#include <cerrno>
#include <map>
#include <string>

#include "lib/base/opener.h"

namespace instar::fakes {

class FakeOpener final : public Opener {
 public:
  OpenRules rules() const override { return rules_; }
  void set_rules(const OpenRules& rules) { rules_ = rules; }

  void Add(const std::string& name, File& file) { files_[name] = &file; }

  Result<File*> Open(const File& /*from*/, ReferenceRole /*role*/,
                     ByteView name, ByteView /*format*/) override {
    const auto found =
        files_.find(std::string(name.data(), name.data() + name.size()));
    if (found == files_.end()) {
      return Error{.fault = Fault::kReference, .error = ENOENT};
    }
    return found->second;
  }

 private:
  OpenRules rules_;
  std::map<std::string, File*> files_;
};

}  // namespace instar::fakes
