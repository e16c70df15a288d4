// Waiting on a word that may be shared with a child. Waking a word that nobody
// waits on does nothing.
#pragma once

#include <cstdint>

namespace instar::vmm {

// Returns when woken, when *word is no longer `value`, after `milliseconds`,
// or on a signal.
void FutexWait(uint32_t* word, uint32_t value, int64_t milliseconds);
void FutexWake(uint32_t* word);

}  // namespace instar::vmm
