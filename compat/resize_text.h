// What `resize` reads in a way of its own, and says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "compat/numbers.h"
#include "gen/guest.pb.h"

namespace instar::compat {

// The mode of that name; nothing: there is none.
std::optional<proto::Preallocation> FindPreallocation(std::string_view name);

// What is said of `number`, read from `text`; empty: nothing is wrong with it.
std::string NewSizeError(const Number& number, std::string_view text);

// What a failure of the change itself is called.
std::string ResizeFailureText(const proto::Failure& failure);

// The warning behind the error of an image that would lose its end.
inline constexpr const char* kShrinkingWarning =
    "Shrinking an image will delete all data beyond the shrunken image's end. "
    "Before performing such an operation, make sure there is no important data "
    "there.";

}  // namespace instar::compat
