// The -o options of `amend`: which formats have some, and what they ask for.
#pragma once

#include <string>
#include <string_view>

#include "compat/create_options.h"
#include "compat/profile.h"
#include "gen/guest.pb.h"

namespace instar::compat {

// The format with the options that can be amended; null: it has none.
const FormatRow* FindAmendable(std::string_view format);
std::string NotAmendableText(std::string_view format);

// The text of `-o help`.
std::string AmendOptionsHelp(const FormatRow& format, const Profile& profile);

// The line below an error about `list`, with the newline before it, where all
// of it would be right for a new image; else nothing.
std::string CreationHint(const FormatRow& format, std::string_view list,
                         const Profile& profile);

// All of `request` but the image.
void ReadAmendOptions(const CreateOptions& options, const Profile& profile,
                      proto::AmendConfig& request);

}  // namespace instar::compat
