#include "vmm/thread.h"

#include <cstddef>

namespace instar::vmm {

bool StartThread(pthread_t* thread, void* (*main)(void*), void* argument) {
  constexpr size_t kStackBytes = 256 << 10;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  const bool started = pthread_create(thread, &attributes, main, argument) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

}  // namespace instar::vmm
