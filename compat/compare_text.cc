#include "compat/compare_text.h"

namespace instar::compat {

std::string CompareText(const proto::CompareResult& result) {
  const std::string offset = std::to_string(result.offset());
  std::string text =
      result.reached_excess() ? "Warning: Image size mismatch!\n" : "";
  const int comparison = result.comparison();
  if (comparison == proto::COMPARISON_EQUAL)
    text += "Images are identical.\n";
  else if (comparison == proto::COMPARISON_STRICT_SIZE)
    text += "Strict mode: Image size mismatch!\n";
  else if (comparison == proto::COMPARISON_STRICT_STATUS)
    text += "Strict mode: Offset " + offset + " block status mismatch!\n";
  else if (comparison == proto::COMPARISON_CONTENT)
    text += "Content mismatch at offset " + offset + "!\n";
  return text;
}

}  // namespace instar::compat
