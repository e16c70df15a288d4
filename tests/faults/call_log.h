// A record of every call that changed a file, in order, from which the states
// of a disk that lost power in between can be built.
//
// In the directory of the record:
//
//   calls   a line of JSON for each call that ended, in the order of the ends:
//             began, ended  places among all begins and ends, from 0: a call
//                           whose `ended` is below another's `began` was over
//                           before that one started
//             call, kind    "pwrite64", … and one of write, resize, allocate,
//                           copy, flush
//             file          path
//             offset        of the first byte; resize: the new length
//             length        bytes asked for; resize, flush: 0
//             mode          fallocate's mode
//             result        what the call gave back: negative is an errno
//             data          write, copy: where in `data` its `result` bytes
//                           start; else -1
//   data    the bytes, back to back
//
// Strings are escaped as JSON has it for bytes 0 to 31, " and \; other bytes
// stand as they are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

#include "tests/faults/file_call.h"

namespace instar::faults {

class CallLog {
 public:
  // Makes the directory where it is missing; opened() tells whether it could.
  explicit CallLog(const std::string& directory);
  ~CallLog();
  CallLog(const CallLog&) = delete;
  CallLog& operator=(const CallLog&) = delete;

  bool opened() const { return calls_ != nullptr && data_ != nullptr; }
  // The thread `tid` is about to do this.
  void Begin(pid_t tid, const FileCall& call, const std::string& path);
  // What it began is done.
  void End(pid_t tid, int64_t result);

 private:
  struct Begun {
    FileCall call;
    std::string path;
    uint64_t began;
    std::string bytes;  // taken at the start, as qemu-img's buffers are reused
  };

  void Write(const Begun& begun, int64_t result, int64_t data);

  FILE* calls_;
  FILE* data_;
  uint64_t moment_ = 0;
  int64_t data_bytes_ = 0;
  std::map<pid_t, Begun> begun_;
};

}  // namespace instar::faults
