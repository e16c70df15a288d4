#include "vmm/messages.h"

#include <google/protobuf/stubs/logging.h>

namespace instar::vmm {
namespace {

void Silent(google::protobuf::LogLevel, const char*, int, const std::string&) {}

template <typename Message>
std::optional<Message> Parse(std::span<const uint8_t> shared) {
  // One copy, which the guest cannot change under the parser's feet.
  const std::string copy(shared.begin(), shared.end());
  Message message;
  if (!message.ParseFromString(copy)) {
    return std::nullopt;
  }
  return message;
}

}  // namespace

void SilenceProtobuf() {
  google::protobuf::SetLogHandler(Silent);
}

std::optional<proto::Frame> ParseFrame(std::span<const uint8_t> shared) {
  return Parse<proto::Frame>(shared);
}

std::optional<proto::Reference> ParseReference(
    std::span<const uint8_t> shared) {
  return Parse<proto::Reference>(shared);
}

}  // namespace instar::vmm
