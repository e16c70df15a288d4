// Runs one hostile guest in one jail and prints how it ended.
//   runner kvm|process GUEST.elf SOURCE TARGET
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "vmm/files.h"
#include "vmm/run.h"

namespace {

using namespace instar;

class Silent : public vmm::Events {
 public:
  void OnFinding(const proto::Finding& /*finding*/) override {}
  void OnProgress(uint64_t /*done*/, uint64_t /*all*/) override {}
};

const char* NameOf(const vmm::Outcome& outcome) {
  switch (outcome.verdict) {
    case vmm::Verdict::kDone:
      return outcome.success ? "done" : "done failure";
    case vmm::Verdict::kBrokeRule:
      return "broke-rule";
    case vmm::Verdict::kStalled:
      return "stalled";
    case vmm::Verdict::kNoJail:
      return "no-jail";
    case vmm::Verdict::kHostError:
      return "host-error";
  }
  return "?";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: runner kvm|process GUEST.elf SOURCE TARGET\n", stderr);
    return 2;
  }
  std::ifstream in(argv[2], std::ios::binary);
  const std::vector<char> elf{std::istreambuf_iterator<char>(in), {}};
  vmm::Files files({}, {.target = argv[4], .data_file = "", .backing = ""});
  if (!files.OpenSource(argv[3], vmm::CacheMode::kWriteback).has_value()) {
    std::fputs("runner: no source\n", stderr);
    return 2;
  }
  const vmm::Limits limits{.jail = std::string(argv[1]) == "kvm"
                                       ? vmm::JailKind::kKvm
                                       : vmm::JailKind::kProcess,
                           .num_vcpus = 2,
                           .stall_seconds = 1};
  Silent events;
  const vmm::Outcome outcome =
      vmm::Run({reinterpret_cast<const uint8_t*>(elf.data()), elf.size()},
               proto::Config(), files, limits, events);
  std::printf("%s: %s\n", NameOf(outcome), outcome.detail.c_str());
  return 0;
}
