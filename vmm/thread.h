// Host threads with small stacks: callers run us under RLIMIT_AS.
#pragma once

#include <pthread.h>

namespace instar::vmm {

// Starts `main(argument)`; false: the system has no room for a thread.
bool StartThread(pthread_t* thread, void* (*main)(void*), void* argument);

}  // namespace instar::vmm
