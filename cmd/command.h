// What a subcommand is given, and what it is: a name and the function that
// runs it.
#pragma once

#include <string>
#include <vector>

#include "compat/profile.h"
#include "compat/usage.h"
#include "vmm/files.h"
#include "vmm/run.h"

namespace instar::cmd {

// How the program was called and what the site and the environment ask for:
// the same for every subcommand.
struct Environment {
  compat::Profile profile;
  compat::Names names;
  vmm::JailKind jail = vmm::JailKind::kAuto;
  vmm::Policy policy;
  // Images are read as if their logs had been written back. qemu-img refuses
  // such images.
  bool replay_log = false;
  uint32_t stall_seconds = 60;  // a guest that asks nothing for so long ends
};

// The words of the command line behind the subcommand's name.
using Arguments = std::vector<std::string>;

// A subcommand that is built; its words for help are in compat/help.cc.
struct Command {
  const char* name;
  // Returns the exit status.
  int (*run)(const Environment& environment, const Arguments& arguments);
};

int RunBench(const Environment& environment, const Arguments& arguments);
int RunAmend(const Environment& environment, const Arguments& arguments);
int RunBitmap(const Environment& environment, const Arguments& arguments);
int RunCheck(const Environment& environment, const Arguments& arguments);
int RunCommit(const Environment& environment, const Arguments& arguments);
int RunCreate(const Environment& environment, const Arguments& arguments);
int RunConvert(const Environment& environment, const Arguments& arguments);
int RunCompare(const Environment& environment, const Arguments& arguments);
int RunMap(const Environment& environment, const Arguments& arguments);
int RunDd(const Environment& environment, const Arguments& arguments);
int RunInfo(const Environment& environment, const Arguments& arguments);
int RunMeasure(const Environment& environment, const Arguments& arguments);
int RunRebase(const Environment& environment, const Arguments& arguments);
int RunResize(const Environment& environment, const Arguments& arguments);
int RunSnapshot(const Environment& environment, const Arguments& arguments);

}  // namespace instar::cmd
