#include "compat/resize_text.h"

#include <cerrno>

#include "compat/fault_text.h"
#include "compat/targets/targets.h"

namespace instar::compat {

std::optional<proto::Preallocation> FindPreallocation(std::string_view name) {
  proto::CreateTarget target;
  if (!ReadPreallocation(name, target))
    return std::nullopt;
  return target.preallocation();
}

std::string NewSizeError(const Number& number, std::string_view text) {
  switch (number.fault) {
    case NumberFault::kMalformed:
      return SizeTypeError("size");
    case NumberFault::kOutOfRange:
      return "Value '" + std::string(text) +
             "' is out of range for parameter 'size'";
    case NumberFault::kNone:
      break;
  }
  return {};
}

std::string ResizeFailureText(const proto::Failure& failure) {
  const bool is_file = failure.fault() == proto::FAULT_RESIZE_FILE ||
                       failure.fault() == proto::FAULT_RESIZE_RESERVE ||
                       failure.fault() == proto::FAULT_RESIZE_WRITE_ZEROES;
  std::string text = FaultText(failure);
  if (!is_file || failure.value2() == 0)
    return text;
  // Nothing else has a length of its own.
  if (failure.error() == EINVAL)
    return "Cannot grow device files";
  return "Failed to resize underlying file: " + text;
}

}  // namespace instar::compat
