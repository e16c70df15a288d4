// Reads one JSON object into names and values: what stands in an object within
// it gets a name with a dot, as in "file.filename".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace instar::compat {

struct FlatJson {
  // In the order of the text. Numbers are as written, truth values are "on"
  // and "off".
  std::vector<std::pair<std::string, std::string>> members;
  enum class Fault {
    kNone,
    kUnfinished,  // the text ends too early
    kMalformed,
    kNoObject,  // JSON, but not an object
  } fault = Fault::kNone;
  size_t position = 0;  // of the fault, in bytes
};

FlatJson ReadJson(std::string_view text);

}  // namespace instar::compat
