#include "tests/faults/file_call.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <vector>

namespace instar::faults {
namespace {

struct Row {
  uint32_t number;
  const char* name;
  Kind kind;
};

constexpr Row kCalls[] = {
    {SYS_write, "write", Kind::kWrite},
    {SYS_pwrite64, "pwrite64", Kind::kWrite},
    {SYS_writev, "writev", Kind::kWrite},
    {SYS_pwritev, "pwritev", Kind::kWrite},
    {SYS_pwritev2, "pwritev2", Kind::kWrite},
    {SYS_ftruncate, "ftruncate", Kind::kResize},
    {SYS_fallocate, "fallocate", Kind::kAllocate},
    {SYS_copy_file_range, "copy_file_range", Kind::kCopy},
    {SYS_fsync, "fsync", Kind::kFlush},
    {SYS_fdatasync, "fdatasync", Kind::kFlush},
};

// IOV_MAX of Linux.
constexpr uint64_t kMaxVectors = 1024;

template <typename T>
bool ReadMemory(pid_t tid, uint64_t address, T* out, size_t count) {
  const iovec local = {out, count * sizeof(T)};
  iovec remote = {nullptr, count * sizeof(T)};
  __builtin_memcpy(&remote.iov_base, &address, sizeof address);
  return process_vm_readv(tid, &local, 1, &remote, 1, 0) ==
         static_cast<ssize_t>(count * sizeof(T));
}

uint64_t VectorLength(pid_t tid, uint64_t address, uint64_t count) {
  std::vector<iovec> vectors(std::min(count, kMaxVectors));
  uint64_t bytes = 0;
  if (ReadMemory(tid, address, vectors.data(), vectors.size())) {
    for (const iovec& vector : vectors) {
      bytes += vector.iov_len;
    }
  }
  return bytes;
}

// The position of a descriptor, at which write(2) writes.
uint64_t PositionOf(pid_t tid, int fd) {
  const std::string path =
      "/proc/" + std::to_string(tid) + "/fdinfo/" + std::to_string(fd);
  unsigned long long position = 0;
  FILE* file = std::fopen(path.c_str(), "re");
  if (file != nullptr) {
    if (std::fscanf(file, "pos: %llu", &position) != 1) {
      position = 0;
    }
    std::fclose(file);
  }
  return position;
}

void DecodeWrite(pid_t tid, const user_regs_struct& regs, FileCall& call) {
  const bool positioned =
      regs.orig_rax != SYS_write && regs.orig_rax != SYS_writev;
  call.buffer = regs.rsi;
  call.is_vector = regs.orig_rax != SYS_write && regs.orig_rax != SYS_pwrite64;
  call.length =
      call.is_vector ? VectorLength(tid, regs.rsi, regs.rdx) : regs.rdx;
  call.offset = positioned ? regs.r10 : PositionOf(tid, call.fd);
}

}  // namespace

bool StopAtFileCalls() {
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, uint32_t{offsetof(seccomp_data, nr)})};
  for (const Row& row : kCalls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, row.number, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

std::optional<FileCall> Decode(pid_t tid, const user_regs_struct& regs) {
  const Row* row = std::ranges::find_if(
      kCalls, [&](const Row& r) { return r.number == regs.orig_rax; });
  if (row == std::end(kCalls)) {
    return std::nullopt;
  }
  FileCall call = {row->name, row->kind, static_cast<int>(regs.rdi), 0, 0, 0,
                   false,     0};
  switch (row->kind) {
    case Kind::kWrite:
      DecodeWrite(tid, regs, call);
      break;
    case Kind::kResize:
      call.offset = regs.rsi;
      break;
    case Kind::kAllocate:
      call.mode = regs.rsi;
      call.offset = regs.rdx;
      call.length = regs.r10;
      break;
    case Kind::kCopy:
      call.fd = static_cast<int>(regs.rdx);
      call.length = regs.r8;
      if (regs.r10 == 0 || !ReadMemory(tid, regs.r10, &call.offset, 1)) {
        call.offset = PositionOf(tid, call.fd);
      }
      break;
    case Kind::kFlush:
      break;
  }
  return call;
}

std::string PathOf(pid_t tid, int fd) {
  const std::string link =
      "/proc/" + std::to_string(tid) + "/fd/" + std::to_string(fd);
  char path[4096];
  const ssize_t length = readlink(link.c_str(), path, sizeof path);
  return length < 0 ? std::string()
                    : std::string(path, static_cast<size_t>(length));
}

bool Halve(const FileCall& call, user_regs_struct& regs) {
  if (call.is_vector && regs.rdx > 1) {
    regs.rdx /= 2;
    return true;
  }
  if (call.kind == Kind::kWrite && !call.is_vector && call.length > 1) {
    regs.rdx /= 2;
    return true;
  }
  if (call.kind == Kind::kCopy && call.length > 1) {
    regs.r8 /= 2;
    return true;
  }
  return false;
}

}  // namespace instar::faults
