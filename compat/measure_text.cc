#include "compat/measure_text.h"

#include "compat/json.h"

namespace instar::compat {
namespace {

Json Signed(uint64_t bytes) {
  return Json::Number(static_cast<int64_t>(bytes));
}

}  // namespace

std::string MeasureText(const MeasureSizes& sizes) {
  std::string text =
      "required size: " + std::to_string(sizes.required) +
      "\nfully allocated size: " + std::to_string(sizes.fully_allocated) + "\n";
  if (sizes.bitmaps)
    text += "bitmaps size: " + std::to_string(*sizes.bitmaps) + "\n";
  return text;
}

// In the order of qemu-img's hash table, and with its signed numbers.
std::string MeasureJson(const MeasureSizes& sizes) {
  Json json = Json::Object();
  if (sizes.bitmaps)
    json.Add("bitmaps", Signed(*sizes.bitmaps));
  json.Add("required", Signed(sizes.required));
  json.Add("fully-allocated", Signed(sizes.fully_allocated));
  return json.Print() + '\n';
}

}  // namespace instar::compat
