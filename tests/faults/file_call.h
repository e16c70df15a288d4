// System calls that change a file: which they are, and what a stopped thread
// is about to do.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstdint>
#include <optional>
#include <string>

namespace instar::faults {

enum class Kind { kWrite, kResize, kAllocate, kCopy, kFlush };

struct FileCall {
  const char* name;
  Kind kind;
  int fd;
  uint64_t offset;  // kResize: the new length; kFlush: 0
  uint64_t length;  // bytes; kResize, kFlush: 0
  uint64_t mode;    // fallocate's; else 0
  bool is_vector;   // `buffer` is an array of iovec
  uint64_t buffer;  // kWrite: an address in the thread
};

// Makes the calling process, and what it starts, stop for its tracer at each
// of these calls and at no other. False: errno says why not.
bool StopAtFileCalls();

// The call that the thread `tid`, stopped at its entry, has in `regs`.
std::optional<FileCall> Decode(pid_t tid, const user_regs_struct& regs);

// The path of an open descriptor of `tid`; empty where there is none.
std::string PathOf(pid_t tid, int fd);

// Makes a stopped write shorter by half; false: it is too short for that.
bool Halve(const FileCall& call, user_regs_struct& regs);

}  // namespace instar::faults
