// The progress that -p shows on stdout, and that SIGUSR1 asks for on
// stderr, without -p only.
#pragma once

#include <cstdint>

namespace instar::cmd {

class Progress {
 public:
  // `shown`: -p without -q. `step`: percents that it must move by to be
  // printed again.
  Progress(bool shown, float step);
  // Ends the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(uint64_t done, uint64_t all);
  // All is done, however much was reported.
  void Complete();

 private:
  void Print(int descriptor, float percent, char end) const;

  const bool shown_;
  const float step_;
  float printed_ = 0;
};

}  // namespace instar::cmd
