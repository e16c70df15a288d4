// Runs a program and interferes with the calls by which it changes the files
// of one directory.
//
//   tracer [--report FILE] MODE DIRECTORY -- PROGRAM [ARGUMENT...]
//
// MODE is one of
//   count               only counts
//   fail N ERROR        the N-th call (from 1) is not done and fails
//   fail-from N ERROR   so do all behind it
//   short N             the N-th call writes half of its bytes
//   signal N SIGNAL     a signal to the program just before the N-th call
//   kill N              SIGKILL to all its processes just before the N-th
//   record LOG          writes every call to the directory LOG: call_log.h
// with errors and signals as numbers. Calls of all threads and children count;
// they stop at these calls only, so that the rest runs at full speed, and
// under filters of its own.
//
// FILE gets lines `KIND COUNT`, and `acted 1` where MODE could interfere. It
// ends as PROGRAM did, by the same signal if it was one; 120: it could not be
// run.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "tests/faults/call_log.h"
#include "tests/faults/file_call.h"

namespace instar::faults {
namespace {

constexpr int kCannotRun = 120;
constexpr long kOptions = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                          PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                          PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
                          PTRACE_O_EXITKILL;

struct Plan {
  enum class What { kCount, kFail, kFailFrom, kShort, kSignal, kKill, kRecord };
  What what = What::kCount;
  uint64_t call = 0;  // from 1
  int number = 0;     // an errno or a signal
  std::string log;    // kRecord: a directory
  std::string directory;
  std::string report;
};

// A ptrace request; both arguments are numbers here.
long Trace(__ptrace_request request, pid_t tid, long data) {
  return ptrace(request, tid, 0L, data);
}

class Tracer {
 public:
  explicit Tracer(const Plan& plan) : plan_(plan) {
    if (plan.what == Plan::What::kRecord) {
      log_ = std::make_unique<CallLog>(plan.log);
    }
  }

  bool ready() const { return log_ == nullptr || log_->opened(); }
  // Follows `child`, which is traced and stopped, to its end, and everything
  // that it starts. Returns its wait status.
  int Follow(pid_t child);
  void WriteReport() const;

 private:
  void Handle(pid_t tid, int status);
  // How to go on from the entry of a call.
  __ptrace_request Enter(pid_t tid);
  bool Interfere(pid_t tid, const FileCall& call, user_regs_struct& regs);
  bool Hits() const {
    return plan_.what == Plan::What::kFailFrom ? seen_ >= plan_.call
                                               : seen_ == plan_.call;
  }

  const Plan& plan_;
  pid_t child_ = 0;
  uint64_t seen_ = 0;
  bool acted_ = false;
  std::map<std::string, uint64_t> counts_;
  std::unique_ptr<CallLog> log_;
};

bool Tracer::Interfere(pid_t tid, const FileCall& call,
                       user_regs_struct& regs) {
  switch (plan_.what) {
    case Plan::What::kFail:
    case Plan::What::kFailFrom:
      // The number -1 is no call; the result stays what it is now.
      regs.orig_rax = ~0ULL;
      regs.rax = static_cast<unsigned long long>(-int64_t{plan_.number});
      break;
    case Plan::What::kShort:
      if (!Halve(call, regs)) {
        return false;
      }
      break;
    case Plan::What::kSignal:
      return kill(child_, plan_.number) == 0;
    case Plan::What::kKill:
      return kill(-child_, SIGKILL) == 0;
    case Plan::What::kCount:
    case Plan::What::kRecord:
      return false;
  }
  return Trace(PTRACE_SETREGS, tid, reinterpret_cast<long>(&regs)) == 0;
}

__ptrace_request Tracer::Enter(pid_t tid) {
  user_regs_struct regs = {};
  if (Trace(PTRACE_GETREGS, tid, reinterpret_cast<long>(&regs)) != 0) {
    return PTRACE_CONT;
  }
  const auto call = Decode(tid, regs);
  if (!call) {
    return PTRACE_CONT;
  }
  const std::string path = PathOf(tid, call->fd);
  if (!path.starts_with(plan_.directory + "/")) {
    return PTRACE_CONT;
  }
  ++seen_;
  ++counts_[call->name];
  if (Hits() && Interfere(tid, *call, regs)) {
    acted_ = true;
  }
  if (log_ == nullptr) {
    return PTRACE_CONT;
  }
  log_->Begin(tid, *call, path);
  return PTRACE_SYSCALL;
}

void Tracer::Handle(pid_t tid, int status) {
  const int signal = WSTOPSIG(status);
  const int event = status >> 16;
  __ptrace_request next = PTRACE_CONT;
  int deliver = 0;
  if (event == PTRACE_EVENT_SECCOMP) {
    next = Enter(tid);
  } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
    next = PTRACE_LISTEN;  // stopped by job control
  } else if (signal == (SIGTRAP | 0x80)) {
    user_regs_struct regs = {};
    if (Trace(PTRACE_GETREGS, tid, reinterpret_cast<long>(&regs)) == 0 &&
        log_ != nullptr) {
      log_->End(tid, static_cast<int64_t>(regs.rax));
    }
  } else if (event == 0) {
    deliver = signal;
  }
  Trace(next, tid, deliver);
}

int Tracer::Follow(pid_t child) {
  child_ = child;
  int ended = 0;
  for (;;) {
    int status = 0;
    const pid_t tid = waitpid(-1, &status, __WALL);
    if (tid < 0 && errno == EINTR) {
      continue;
    }
    if (tid < 0) {  // none is left
      return ended;
    }
    if (WIFSTOPPED(status)) {
      Handle(tid, status);
    } else if (tid == child) {
      ended = status;
    }
  }
}

void Tracer::WriteReport() const {
  FILE* file = std::fopen(plan_.report.c_str(), "we");
  if (file == nullptr) {
    return;
  }
  for (const auto& [name, count] : counts_) {
    std::fprintf(file, "%s %llu\n", name.c_str(),
                 static_cast<unsigned long long>(count));
  }
  std::fprintf(file, "acted %d\n", acted_ ? 1 : 0);
  std::fclose(file);
}

// Starts the program, stopped until it is traced.
pid_t Start(char** argv) {
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) {
    return -1;
  }
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    setpgid(0, 0);
    if (read(gate[0], &byte, 1) == 1 && StopAtFileCalls()) {
      execvp(argv[0], argv);
    }
    _exit(kCannotRun);
  }
  setpgid(child, child);
  if (child > 0 &&
      (Trace(PTRACE_SEIZE, child, kOptions) != 0 || write(gate[1], "", 1) != 1))
    return -1;
  close(gate[0]);
  close(gate[1]);
  return child;
}

struct Mode {
  const char* name;
  Plan::What what;
  int num_arguments;
};

constexpr Mode kModes[] = {
    {"count", Plan::What::kCount, 0},        {"fail", Plan::What::kFail, 2},
    {"fail-from", Plan::What::kFailFrom, 2}, {"short", Plan::What::kShort, 1},
    {"signal", Plan::What::kSignal, 2},      {"kill", Plan::What::kKill, 1},
    {"record", Plan::What::kRecord, 1},
};

// Returns the index of PROGRAM in argv; 0: the usage is wrong.
int Parse(int argc, char** argv, Plan& plan) {
  int at = 1;
  if (argc > at + 2 && std::strcmp(argv[at], "--report") == 0) {
    plan.report = argv[at + 1];
    at += 2;
  }
  for (const Mode& mode : kModes) {
    if (argc <= at + mode.num_arguments + 3 ||
        std::strcmp(argv[at], mode.name) != 0) {
      continue;
    }
    plan.what = mode.what;
    if (mode.what == Plan::What::kRecord) {
      plan.log = argv[at + 1];
    } else if (mode.num_arguments > 0) {
      plan.call = std::strtoull(argv[at + 1], nullptr, 10);
    }
    if (mode.num_arguments == 2) {
      plan.number = std::atoi(argv[at + 2]);
    }
    at += mode.num_arguments + 1;
    plan.directory = argv[at];
    return std::strcmp(argv[at + 1], "--") == 0 ? at + 2 : 0;
  }
  return 0;
}

int Run(int argc, char** argv) {
  Plan plan;
  const int program = Parse(argc, argv, plan);
  Tracer tracer(plan);
  if (program == 0 || !tracer.ready()) {
    std::fputs("tracer: wrong usage; it stands in tracer.cc\n", stderr);
    return kCannotRun;
  }
  const pid_t child = Start(argv + program);
  if (child < 0) {
    std::perror("tracer");
    return kCannotRun;
  }
  const int status = tracer.Follow(child);
  if (!plan.report.empty()) {
    tracer.WriteReport();
  }
  if (!WIFSIGNALED(status)) {
    return WEXITSTATUS(status);
  }
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  std::signal(WTERMSIG(status), SIG_DFL);
  raise(WTERMSIG(status));
  return kCannotRun;
}

}  // namespace
}  // namespace instar::faults

int main(int argc, char** argv) {
  return instar::faults::Run(argc, argv);
}
