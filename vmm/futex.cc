#include "vmm/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace instar::vmm {

void FutexWait(uint32_t* word, uint32_t value, int64_t milliseconds) {
  const timespec timeout = {milliseconds / 1000,
                            milliseconds % 1000 * 1'000'000};
  syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, nullptr, 0);
}

void FutexWake(uint32_t* word) {
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace instar::vmm
