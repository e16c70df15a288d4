// Sizes for people, as qemu-img rounds and names them.
#pragma once

#include <cstdint>
#include <string>

namespace instar::compat {

// Three significant digits and a binary unit: 1000 is "0.977 KiB", 10485760
// "10 MiB", 0 "0 B".
std::string HumanSize(uint64_t bytes);

}  // namespace instar::compat
