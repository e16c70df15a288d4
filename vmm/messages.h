// The protobuf messages that a guest sends: parsed under limits, from a copy.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "gen/guest.pb.h"

namespace instar::vmm {

// Keeps protobuf from writing to stderr.
void SilenceProtobuf();

// Nothing where the bytes are no such message. They may change meanwhile.
std::optional<proto::Frame> ParseFrame(std::span<const uint8_t> shared);
std::optional<proto::Reference> ParseReference(std::span<const uint8_t> shared);

}  // namespace instar::vmm
