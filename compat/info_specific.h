// The part of `info` that depends on the image's format. JSON prints it as it
// is; the human form shows the same tree.
#pragma once

#include <optional>
#include <string>

#include "compat/info_node.h"
#include "compat/json.h"
#include "compat/profile.h"

namespace instar::compat {

// The object with the members "type" and "data"; nothing where the format has
// nothing of its own.
std::optional<Json> FormatSpecific(const InfoNode& node,
                                   const Profile& profile);

// The members of `value` a line each, "refcount bits: 16", indented by
// `indent` levels of four blanks.
std::string HumanTree(const Json& value, size_t indent);

}  // namespace instar::compat
