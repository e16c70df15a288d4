// What `measure` prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace instar::compat {

struct MeasureSizes {
  uint64_t required = 0;  // bytes, as are the others
  uint64_t fully_allocated = 0;
  std::optional<uint64_t> bitmaps;  // where source and target can have some
};

std::string MeasureText(const MeasureSizes& sizes);
std::string MeasureJson(const MeasureSizes& sizes);

}  // namespace instar::compat
