// The guest that changes bitmaps, for the two commands that do.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace instar::cmd {

// Room for the largest directory of bitmaps, twice; what is not needed is
// never touched.
inline constexpr uint64_t kBitmapGuestBytes = 320 << 20;

std::span<const uint8_t> BitmapGuest();

// As much of a bitmap's name as the guest takes: a byte more than an image
// can hold.
std::string GuestBitmapName(const std::string& name);

}  // namespace instar::cmd
