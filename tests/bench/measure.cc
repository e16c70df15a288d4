// Runs a program and prints its wall time and its peak memory.
//
//   measure PROGRAM NAME [ARGUMENT...]
//
// A process inherits the peak of the one that started it, so what starts it
// has to be small: this, and not the script that reads the figures. The peak
// is that of the largest of the program and the children it waited for.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

int main(int argc, char** argv) {
  if (argc < 3) {
    return 2;
  }
  const auto started = std::chrono::steady_clock::now();
  const pid_t child = vfork();
  if (child == 0) {
    execv(argv[1], argv + 2);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child) {
    return 2;
  }
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - started;
  std::printf("%.6f %ld\n", seconds.count(), usage.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
