#include "vmm/narrow.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace instar::vmm {
namespace {

// Calls that a run needs whatever their arguments, each with its reason.
constexpr uint32_t kAllowed[] = {
    SYS_ioctl,    // KVM_RUN; vCPUs that start late
    SYS_futex,    // doorbells, locks between threads
    SYS_pread64,  // file calls of the guest, from here …
    SYS_pwrite64,
    SYS_fdatasync,
    SYS_fsync,
    SYS_sync_file_range,
    SYS_fallocate,
    SYS_ftruncate,
    SYS_lseek,
    SYS_copy_file_range,  // … to here
    SYS_openat,           // references, outputs
    SYS_open,             // glibc uses it where it is shorter
    SYS_openat2,          // references under the strict policy
    SYS_close,
    SYS_fcntl,  // image locks
    SYS_fstat,  // what a slot is, from here …
    SYS_stat,
    SYS_lstat,
    SYS_newfstatat,
    SYS_statx,   // … to here
    SYS_unlink,  // a failed create removes its outputs
    SYS_unlinkat,
    SYS_read,   // configuration and time zone of the rendering
    SYS_write,  // stdout and stderr
    SYS_writev,
    SYS_mmap,  // heap, stacks of threads, vCPUs
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_clone,  // workers, vCPU children of the process jail
    SYS_clone3,
    SYS_set_robust_list,  // start of a thread, from here …
    SYS_rseq,
    SYS_gettid,
    SYS_getpid,
    SYS_getppid,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_prlimit64,  // … to here; and set-up of a child
    SYS_getrlimit,
    SYS_prctl,  // set-up of a child in the process jail, from here …
    SYS_close_range,
    SYS_arch_prctl,
    SYS_seccomp,            // … to here
    SYS_pidfd_send_signal,  // ends a child; we hold descriptors of no others
    SYS_wait4,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_timer_create,  // ticks that interrupt KVM_RUN, from here …
    SYS_timer_settime,
    SYS_timer_delete,   // … to here
    SYS_clock_gettime,  // where the vDSO has none
    SYS_gettimeofday,
    SYS_clock_nanosleep,
    SYS_restart_syscall,
    SYS_sysinfo,   // glibc's qsort
    SYS_readlink,  // names of files, for messages
    SYS_getcwd,
    SYS_getrandom,  // stack guards
    SYS_exit,
    SYS_exit_group,
};

sock_filter Load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

// Goes on behind the next instruction unless the loaded word is `value`.
sock_filter SkipUnless(uint32_t value) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
}

sock_filter Return(uint32_t action) {
  return BPF_STMT(BPF_RET | BPF_K, action);
}

std::vector<sock_filter> BuildFilter() {
  std::vector<sock_filter> filter = {
      Load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      Return(SECCOMP_RET_KILL_PROCESS),
      Load(offsetof(seccomp_data, nr)),
  };
  for (const uint32_t number : kAllowed) {
    filter.push_back(SkipUnless(number));
    filter.push_back(Return(SECCOMP_RET_ALLOW));
  }
  // Signals only to ourselves: kicks of vCPU threads, abort().
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3));
  filter.push_back(Load(offsetof(seccomp_data, args[0])));
  filter.push_back(SkipUnless(static_cast<uint32_t>(getpid())));
  filter.push_back(Return(SECCOMP_RET_ALLOW));
  filter.push_back(Return(SECCOMP_RET_KILL_PROCESS));
  return filter;
}

}  // namespace

void NarrowHost() {
  static bool done = false;
  if (done || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return;
  }
  std::vector<sock_filter> filter = BuildFilter();
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              filter.data()};
  done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                 SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

}  // namespace instar::vmm
