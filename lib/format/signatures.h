// Formats that are recognised by their first bytes but have no reader. A file
// in one of them must never be taken for a raw image.
#pragma once

#include "lib/base/bytes.h"

namespace instar {

// The name of the format that is surest of the file's first 512 bytes, and how
// sure it is (Reader::probe). Empty and 0 where none is sure at all.
ByteView FindSignature(ByteView head, ByteView filename, int& score);

// Whether a file that begins with `head` cannot be in the format `name`.
bool ContradictsName(ByteView head, ByteView filename, ByteView name);

}  // namespace instar
