#include "cmd/progress.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string_view>

#include "cmd/session.h"

namespace instar::cmd {
namespace {

volatile std::sig_atomic_t asked = 0;

void Ask(int) {
  asked = 1;
}

}  // namespace

Progress::Progress(bool shown, float step) : shown_(shown), step_(step) {
  if (shown_)
    Print(STDOUT_FILENO, 0, '\r');
  struct sigaction action = {};
  action.sa_handler = &Ask;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

Progress::~Progress() {
  if (shown_)
    WriteAll(STDOUT_FILENO, "\n");
}

void Progress::Print(int descriptor, float percent, char end) const {
  char line[32];
  const int length = std::snprintf(line, sizeof(line), "    (%3.2f/100%%)%c",
                                   static_cast<double>(percent), end);
  WriteAll(descriptor, std::string_view(line, static_cast<size_t>(length)));
}

void Progress::Update(uint64_t done, uint64_t all) {
  if (all == 0)
    return;
  // In the precision of qemu-img's, which decides about steps of one percent.
  const auto percent = static_cast<float>(100.0 * static_cast<double>(done) /
                                          static_cast<double>(all));
  if (!shown_) {
    if (asked == 0)
      return;
    asked = 0;
    Print(STDERR_FILENO, percent, '\n');
    return;
  }
  if (percent <= printed_ + step_ && done != all)
    return;
  printed_ = percent;
  Print(STDOUT_FILENO, percent, '\r');
}

void Progress::Complete() {
  if (shown_)
    Print(STDOUT_FILENO, 100, '\r');
}

}  // namespace instar::cmd
