// One line on what each option does, for help.
#pragma once

#include "compat/options.h"

namespace instar::compat {

const char* OptionText(Opt opt);

}  // namespace instar::compat
