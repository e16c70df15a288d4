// Names of images on the command line: paths, and what looks like a path but
// means something else.
#pragma once

#include <cstdint>
#include <string_view>

namespace instar::compat {

enum class NameKind : uint8_t {
  kPath,           // a local file
  kOtherProtocol,  // "nbd:…": a protocol of qemu-img that this program lacks
  kUnknownProtocol,  // "foo:…": qemu-img has no such protocol either
};

struct ImageName {
  NameKind kind = NameKind::kPath;
  std::string_view protocol;  // "nbd"
  std::string_view path;      // kPath: without the prefix "file:"
};

// A protocol is what stands before a ':' that no '/' precedes.
ImageName ParseImageName(std::string_view name);

}  // namespace instar::compat
