// The process jail: one forked child a vCPU. It shares the region with the
// host, has nothing else mapped and no descriptor open, and its seccomp filter
// allows only waiting, waking and exiting.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <mutex>

#include "vmm/futex.h"
#include "vmm/jail.h"
#include "vmm/process_trampoline.h"
#include "vmm/signals.h"

namespace instar::vmm {
namespace {

// Region offsets of the page that the child keeps from the host's own part:
// code, one TrampolineArguments a vCPU, FPU state, seccomp filter.
constexpr uint64_t kCodeOffset = 0;
constexpr uint64_t kArgumentsOffset = 0x400;
constexpr uint64_t kArgumentsStride = 0x80;
constexpr uint64_t kFxStateOffset = 0x800;
constexpr uint64_t kProgramOffset = 0xa00;
constexpr uint64_t kFilterOffset = 0xa40;
static_assert(sizeof(TrampolineArguments) <= kArgumentsStride);
static_assert(kArgumentsOffset + abi::kMaxVcpus * kArgumentsStride <=
              kFxStateOffset);

// One past the last user address with 4-level paging.
constexpr uint64_t kUserEnd = 0x7fff'ffff'f000;

constexpr int kExitSetUp = 64;  // 64 and up: the child could not be set up

// futex(word, FUTEX_WAIT or FUTEX_WAKE, …) and exit_group; all else kills.
constexpr sock_filter kFilter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 7),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 4),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAIT, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static_assert(kFilterOffset + sizeof kFilter <= abi::kPageSize);

// Doorbell words to bump when a child dies, so that the thread that waits on
// one looks at its child. Plain atomics: a signal handler reads them.
std::atomic<uint32_t*> dying_words[abi::kMaxVcpus];

void OnChildDeath(int) {
  const int saved = errno;
  for (auto& entry : dying_words) {
    uint32_t* word = entry.load();
    if (word != nullptr) {
      std::atomic_ref(*word).fetch_add(1);
      FutexWake(word);
    }
  }
  errno = saved;
}

// How a child's copy of the region has to become: made by the host, on the
// stack.
struct Placement {
  struct Protection {
    uint64_t offset;
    uint64_t length;
    int protection;
  };
  // Two for each area and one before all: stacks, segments, four more.
  static constexpr uint32_t kMaxProtections = 2 * (abi::kMaxVcpus + 16 + 4) + 1;

  uint8_t* base;
  uint64_t size;
  uint32_t num_protections = 0;
  Protection protections[kMaxProtections];

  void Add(uint64_t offset, uint64_t length, int protection) {
    if (length != 0 && num_protections < kMaxProtections) {
      protections[num_protections] = {offset, length, protection};
      ++num_protections;
    }
  }
};

Placement PlacementOf(const GuestMemory& memory) {
  Placement placement = {};
  placement.base = memory.at(0);
  placement.size = memory.size();
  placement.Add(0, abi::kPageSize, PROT_READ | PROT_EXEC);
  uint64_t end = abi::kPageSize;
  for (const Area& area : memory.map()) {
    placement.Add(end, area.offset - end, PROT_NONE);
    end = area.offset + area.length;
    const int protection =
        ((area.access & kAccessWrite) != 0 ? PROT_WRITE : 0) |
        ((area.access & kAccessExecute) != 0 ? PROT_EXEC : 0) | PROT_READ;
    if (protection != (PROT_READ | PROT_WRITE)) {
      placement.Add(area.offset, area.length, protection);
    }
  }
  return placement;
}

// ---- In the child ----------------------------------------------------------

[[noreturn]] void Fail(int step) {
  syscall(SYS_exit_group, kExitSetUp + 16 + step);
  __builtin_unreachable();
}

void CloseDescriptors() {
  if (syscall(SYS_close_range, 0u, ~0u, 0u) == 0) {
    return;
  }
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  for (rlim_t fd = 0; fd < limit.rlim_cur; ++fd) {
    close(static_cast<int>(fd));
  }
}

// The region, where the guest expects it and as its map says. From the first
// mremap on, the heap and thread-local storage may be gone: the kernel puts
// the heap of a static program anywhere in the first GiB or so, the guest's
// place included. So nothing here uses either.
[[gnu::no_stack_protector]] void PlaceRegion(const Placement& placement) {
  // Two mappings: their huge-page advice differs.
  const uint64_t parts[] = {0, abi::kArenaOffset, placement.size};
  for (int i = 0; i < 2; ++i) {
    const uint64_t length = parts[i + 1] - parts[i];
    const uint64_t to = abi::kGuestBase + parts[i];
    if (static_cast<uint64_t>(
            syscall(SYS_mremap, placement.base + parts[i], length, length,
                    MREMAP_MAYMOVE | MREMAP_FIXED, to)) != to) {
      Fail(4);
    }
  }
  for (uint32_t i = 0; i < placement.num_protections; ++i) {
    const Placement::Protection& p = placement.protections[i];
    if (syscall(SYS_mprotect, abi::kGuestBase + p.offset, p.length,
                p.protection) != 0) {
      Fail(5);
    }
  }
}

// glibc registers a struct rseq in memory that is about to go; the kernel
// would write to it.
void UnregisterRseq() {
  if (__rseq_size == 0) {
    return;
  }
  auto* area =
      static_cast<uint8_t*>(__builtin_thread_pointer()) + __rseq_offset;
  syscall(SYS_rseq, area, sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

[[noreturn]] [[gnu::no_stack_protector]] void BecomeGuest(
    const Placement& placement, uint32_t index, pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
    Fail(0);
  }
  sigset_t all;
  sigfillset(&all);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, 8);
  // No core dump, no ptrace by others of the same user.
  prctl(PR_SET_DUMPABLE, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    Fail(1);
  }
  CloseDescriptors();
  UnregisterRseq();
  PlaceRegion(placement);
  const uint64_t code = abi::kGuestBase + kCodeOffset;
  const uint64_t arguments =
      abi::kGuestBase + kArgumentsOffset + index * kArgumentsStride;
  asm volatile("jmp *%0" : : "r"(code), "D"(arguments) : "memory");
  __builtin_unreachable();
}

// ---- In the host -----------------------------------------------------------

class ProcessVcpu final : public Vcpu {
 public:
  ProcessVcpu(abi::Ring* ring, uint32_t index, pid_t child, int pidfd)
      : ring_(ring), index_(index), child_(child), pidfd_(pidfd) {}
  ~ProcessVcpu() override;

  VcpuExit Resume() override;
  void Interrupt() override;

 private:
  VcpuExit Dead(int status) const;

  abi::Ring* ring_;
  uint32_t index_;
  pid_t child_;
  int pidfd_;
  uint32_t seen_ = 0;  // value of Ring::doorbell that was served
  bool rang_ = false;  // the guest ran
  bool reaped_ = false;
  std::atomic<bool> interrupted_ = false;
};

ProcessVcpu::~ProcessVcpu() {
  dying_words[index_].store(nullptr);
  if (!reaped_) {
    syscall(SYS_pidfd_send_signal, pidfd_, SIGKILL, nullptr, 0);
    while (waitpid(child_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }
  close(pidfd_);
}

VcpuExit ProcessVcpu::Dead(int status) const {
  VcpuExit exit{.kind = VcpuExit::Kind::kFault};
  if (WIFEXITED(status) && WEXITSTATUS(status) >= kExitSetUp && !rang_) {
    exit.kind = VcpuExit::Kind::kUnusable;
    exit.detail = "the process jail failed at step " +
                  std::to_string(WEXITSTATUS(status) - kExitSetUp);
  } else if (WIFEXITED(status)) {
    exit.detail = "exit without an end";
  } else if (WTERMSIG(status) == SIGSYS) {
    exit.detail = "forbidden system call in the guest";
  } else {
    exit.detail =
        "fault in the guest, signal " + std::to_string(WTERMSIG(status));
  }
  return exit;
}

VcpuExit ProcessVcpu::Resume() {
  const std::atomic_ref doorbell(ring_->doorbell);
  if (doorbell.load() == seen_) {
    FutexWait(&ring_->doorbell, seen_, kTickMilliseconds);
  }
  if (interrupted_.exchange(false)) {
    return {.kind = VcpuExit::Kind::kInterrupted};
  }
  int status = 0;
  const uint32_t now = doorbell.load();
  const uint32_t value = std::atomic_ref(ring_->doorbell_value).load();
  // The word is also bumped when a child dies and by Interrupt(); a guest that
  // rang and then died is served first.
  const bool rang = now != seen_ && value != 0;
  if (rang) {
    seen_ = now;
    rang_ = true;
    return {.kind = VcpuExit::Kind::kDoorbell, .doorbell = value};
  }
  seen_ = now;
  if (waitpid(child_, &status, WNOHANG | __WALL) == child_) {
    reaped_ = true;
    return Dead(status);
  }
  return {.kind = VcpuExit::Kind::kInterrupted};
}

void ProcessVcpu::Interrupt() {
  interrupted_.store(true);
  std::atomic_ref(ring_->doorbell).fetch_add(1);
  FutexWake(&ring_->doorbell);
}

class ProcessJail final : public Jail {
 public:
  explicit ProcessJail(const GuestMemory& memory) : memory_(memory) {}
  void SetUp();
  std::unique_ptr<Vcpu> NewVcpu(const VcpuStart& start,
                                std::string* error) override;
  abi::Jail kind() const override { return abi::Jail::kProcess; }
  bool guest_runs_beside() const override { return true; }

 private:
  const GuestMemory& memory_;
};

void ProcessJail::SetUp() {
  const size_t code_bytes =
      static_cast<size_t>(instar_trampoline_end - instar_trampoline_begin);
  std::memcpy(memory_.at(kCodeOffset), instar_trampoline_begin, code_bytes);
  std::memcpy(memory_.at(kFilterOffset), kFilter, sizeof kFilter);
  const sock_fprog program = {
      sizeof kFilter / sizeof kFilter[0],
      reinterpret_cast<sock_filter*>(abi::kGuestBase + kFilterOffset)};
  std::memcpy(memory_.at(kProgramOffset), &program, sizeof program);
  // SDM volume 1, 10.5.1: control words after reset.
  constexpr uint16_t kFcw = 0x37f;
  constexpr uint32_t kMxcsr = 0x1f80;
  std::memcpy(memory_.at(kFxStateOffset), &kFcw, sizeof kFcw);
  std::memcpy(memory_.at(kFxStateOffset + 24), &kMxcsr, sizeof kMxcsr);

  struct sigaction action = {};
  action.sa_handler = OnChildDeath;
  action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, nullptr);
  sigset_t death;
  sigemptyset(&death);
  sigaddset(&death, SIGCHLD);
  pthread_sigmask(SIG_UNBLOCK, &death, nullptr);
}

std::unique_ptr<Vcpu> ProcessJail::NewVcpu(const VcpuStart& start,
                                           std::string* error) {
  TrampolineArguments arguments = {};
  arguments.below_end = abi::kGuestBase;
  arguments.above_begin = abi::kGuestBase + memory_.size();
  arguments.above_length = kUserEnd - arguments.above_begin;
  arguments.filter = abi::kGuestBase + kProgramOffset;
  arguments.local = start.local;
  arguments.stack = start.stack;
  arguments.entry = start.entry;
  arguments.index = start.index;
  arguments.fx_state = abi::kGuestBase + kFxStateOffset;
  std::memcpy(memory_.at(kArgumentsOffset + start.index * kArgumentsStride),
              &arguments, sizeof arguments);

  abi::Ring* ring = memory_.ring(start.index);
  dying_words[start.index].store(&ring->doorbell);
  // The child dies with the thread that makes it, which is the one that will
  // resume it.
  int pidfd = -1;
  const Placement placement = PlacementOf(memory_);
  const pid_t parent = getpid();
  const long child =
      syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, 0);
  if (child < 0) {
    *error = std::string("clone: ") + std::strerror(errno);
    dying_words[start.index].store(nullptr);
    return nullptr;
  }
  if (child == 0) {
    BecomeGuest(placement, start.index, parent);
  }
  return std::make_unique<ProcessVcpu>(ring, start.index,
                                       static_cast<pid_t>(child), pidfd);
}

}  // namespace

std::unique_ptr<Jail> NewProcessJail(const GuestMemory& memory,
                                     std::string* /*error*/) {
  auto jail = std::make_unique<ProcessJail>(memory);
  jail->SetUp();
  return jail;
}

}  // namespace instar::vmm
