// The algorithms that a LUKS1 header names (LUKS On-Disk Format Specification,
// section 5): ciphers, modes, IV generators and hashes that qemu-img knows.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/facts.h"

namespace instar::luks {

// As the header has them. `mode` is "MODE-IVGEN" or "MODE-IVGEN:HASH".
struct Names {
  ByteView cipher;
  ByteView mode;
  ByteView hash;
  uint32_t key_bytes = 0;  // of the master key; XTS halves it
};

// `bytes` up to the first `end`, or all where there is none.
ByteView Before(ByteView bytes, uint8_t end);

// Fills in the algorithms of `facts`, or names one that is not known. Texts of
// errors are views of `names`.
// Errors: kLuksModeFormat, kLuksHash, kLuksMode, kLuksCipher, kLuksIvgen,
// kLuksIvgenHashMissing, kLuksEssivKey, kLuksEssivCipher.
Status FindAlgorithms(const Names& names, LuksFacts& facts);

}  // namespace instar::luks
