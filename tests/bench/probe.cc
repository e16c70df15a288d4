// Measures what a jail costs: leaving the guest, a call, and the first touch
// of its memory with huge pages and without.
//
//   probe FOLDER-OF-GUESTS ANY-FILE
//
// Prints lines `name: value`; each value is the median of several runs, less
// the median of a guest that does nothing.
#include "tests/bench/probe.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "vmm/files.h"
#include "vmm/run.h"

namespace {

using namespace instar;

constexpr int kRuns = 7;

class Silent : public vmm::Events {
 public:
  void OnFinding(const proto::Finding& /*finding*/) override {}
  void OnProgress(uint64_t /*done*/, uint64_t /*all*/) override {}
};

struct Probe {
  std::string guests;
  std::string file;

  std::vector<char> Load(const std::string& guest) const {
    std::ifstream in(guests + "/" + guest + ".elf", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // Seconds of one run; negative: it did not end well.
  double Once(const std::vector<char>& elf, vmm::JailKind jail) const {
    vmm::Files files({}, {.target = "", .data_file = "", .backing = ""});
    if (!files.OpenSource(file, vmm::CacheMode::kWriteback).has_value()) {
      return -1;
    }
    const vmm::Limits limits{.jail = jail,
                             .memory_bytes = bench::kTouchedBytes + (16 << 20),
                             .narrow = false};
    Silent events;
    const auto started = std::chrono::steady_clock::now();
    const vmm::Outcome outcome =
        vmm::Run({reinterpret_cast<const uint8_t*>(elf.data()), elf.size()},
                 proto::Config(), files, limits, events);
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - started;
    return outcome.success ? seconds.count() : -1;
  }

  double Median(const std::string& guest, vmm::JailKind jail) const {
    const std::vector<char> elf = Load(guest);
    std::vector<double> runs;
    for (int i = 0; i < kRuns; ++i) {
      runs.push_back(Once(elf, jail));
    }
    std::sort(runs.begin(), runs.end());
    return runs.front() < 0 ? -1 : runs[kRuns / 2];
  }
};

void Print(const char* jail, const char* what, double seconds, double count) {
  std::printf("%s, %s: %.1f us\n", jail, what, seconds / count * 1e6);
}

void ProbeJail(const Probe& probe, vmm::JailKind jail, const char* name) {
  const double idle = probe.Median("idle", jail);
  if (idle < 0) {
    return;
  }
  Print(name, "a run that does nothing", idle, 1);
  if (jail == vmm::JailKind::kKvm) {
    // In the other jail a doorbell does not stop the guest.
    Print(name, "an exit", probe.Median("exits", jail) - idle,
          static_cast<double>(bench::kExits));
  }
  Print(name, "a call that is waited for", probe.Median("calls", jail) - idle,
        static_cast<double>(bench::kCalls));
  const double mebibytes = bench::kTouchedBytes >> 20;
  Print(name, "first touch of 1 MiB", probe.Median("touch", jail) - idle,
        mebibytes);
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  Print(name, "first touch of 1 MiB without huge pages",
        probe.Median("touch", jail) - idle, mebibytes);
  prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: probe FOLDER-OF-GUESTS ANY-FILE\n", stderr);
    return 2;
  }
  const Probe probe{argv[1], argv[2]};
  ProbeJail(probe, vmm::JailKind::kKvm, "kvm");
  ProbeJail(probe, vmm::JailKind::kProcess, "process");
  return 0;
}
