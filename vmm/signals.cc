#include "vmm/signals.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <mutex>

namespace instar::vmm {
namespace {

void Nothing(int) {}

void InstallHandler() {
  struct sigaction action = {};
  action.sa_handler = Nothing;
  action.sa_flags = SA_RESTART;  // KVM_RUN returns all the same
  sigaction(KickSignal(), &action, nullptr);
}

}  // namespace

int KickSignal() {
  return SIGRTMIN + 3;
}

Ticker::Ticker() {
  static std::once_flag once;
  std::call_once(once, InstallHandler);
  sigset_t kick;
  sigemptyset(&kick);
  sigaddset(&kick, KickSignal());
  pthread_sigmask(SIG_UNBLOCK, &kick, nullptr);

  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = KickSignal();
  event._sigev_un._tid = gettid();
  exists_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  if (!exists_) {
    return;
  }
  constexpr timespec kTick = {0, kTickMilliseconds * 1'000'000};
  const itimerspec every = {kTick, kTick};
  timer_settime(timer_, 0, &every, nullptr);
}

Ticker::~Ticker() {
  if (exists_) {
    timer_delete(timer_);
  }
}

}  // namespace instar::vmm
