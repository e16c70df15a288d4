// The KVM jail: vCPUs whose only code runs at CPL 3 under page tables of our
// making. There is no IDT, no kernel and no device in the guest, so whatever
// traps is a triple fault, and a store to the doorbell page the only way out.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "vmm/jail.h"
#include "vmm/page_tables.h"
#include "vmm/signals.h"

namespace instar::vmm {
namespace {

// Intel SDM volume 3, 2.5 and volume 4: what each bit switches on.
constexpr uint64_t kCr0 = 0x8005'0033;  // PG AM WP NE ET MP PE
constexpr uint64_t kCr4 = 0x620;        // PAE OSFXSR OSXMMEXCPT
constexpr uint64_t kCr4Umip = 1 << 11;
constexpr uint64_t kCr4OsXsave = 1 << 18;
constexpr uint64_t kCr4Smep = 1 << 20;
// NXE LMA LME. Without SCE, `syscall` is an invalid instruction.
constexpr uint64_t kEfer = 0xd00;
constexpr uint64_t kEferSce = 1;
constexpr uint64_t kXcr0Avx = 7;          // x87 SSE AVX
constexpr uint64_t kXcr0Avx512 = 7 << 5;  // opmask, ZMM_Hi256, Hi16_ZMM

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void Take(int fd) { fd_ = fd; }
  int get() const { return fd_; }

 private:
  int fd_;
};

// The header counts the array behind kvm_cpuid2 as an element when C++ reads
// it, and so makes other numbers of these two than C and the kernel.
constexpr size_t kCpuidHeadBytes = 8;
constexpr unsigned long kGetSupportedCpuid =
    _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x05, kCpuidHeadBytes);
constexpr unsigned long kSetCpuid2 =
    _IOC(_IOC_WRITE, KVMIO, 0x90, kCpuidHeadBytes);

// The layout of kvm_cpuid2, with room.
struct Cpuid {
  uint32_t count;
  uint32_t padding;
  kvm_cpuid_entry2 entries[128];
};

// What vCPUs of this host can have.
struct Features {
  Cpuid cpuid = {};
  bool have_cpuid = false;
  uint64_t cr4 = 0;
  uint64_t xcr0 = 0;
};

class KvmVcpu final : public Vcpu {
 public:
  KvmVcpu(int fd, kvm_run* run, size_t run_bytes)
      : fd_(fd), run_(run), run_bytes_(run_bytes), thread_(gettid()) {}
  ~KvmVcpu() override { munmap(run_, run_bytes_); }

  bool SetUp(const VcpuStart& start, uint64_t cr3, const Features& features);
  VcpuExit Resume() override;
  void Interrupt() override;

 private:
  bool SetSystemRegisters(const VcpuStart& start, uint64_t cr3, uint64_t cr4,
                          uint64_t efer);
  VcpuExit Classify();

  Descriptor fd_;
  kvm_run* run_;
  size_t run_bytes_;
  pid_t thread_;
  bool ran_ = false;
  Ticker ticker_;
};

bool KvmVcpu::SetSystemRegisters(const VcpuStart& start, uint64_t cr3,
                                 uint64_t cr4, uint64_t efer) {
  kvm_sregs s;
  if (ioctl(fd_.get(), KVM_GET_SREGS, &s) != 0) {
    return false;
  }
  s.cr0 = kCr0;
  s.cr3 = cr3;
  s.cr4 = cr4;
  s.efer = efer;
  std::memset(&s.ldt, 0, sizeof s.ldt);
  s.idt.limit = 0;
  s.gdt.limit = 0;
  s.tr.present = 1;
  s.tr.type = 11;
  kvm_segment code = {};
  code.limit = 0xfffff;
  code.selector = 0x33;
  code.type = 11;
  code.present = 1;
  code.dpl = 3;
  code.s = 1;
  code.l = 1;
  code.g = 1;
  kvm_segment data = code;
  data.selector = 0x2b;
  data.type = 3;
  data.l = 0;
  data.db = 1;
  s.cs = code;
  s.ds = s.es = s.fs = s.gs = s.ss = data;
  s.fs.base = start.local;
  return ioctl(fd_.get(), KVM_SET_SREGS, &s) == 0;
}

bool KvmVcpu::SetUp(const VcpuStart& start, uint64_t cr3,
                    const Features& features) {
  const bool cpuid =
      features.have_cpuid && ioctl(fd_.get(), kSetCpuid2, &features.cpuid) == 0;
  // From the most to the least that a host's KVM may accept.
  if (!(cpuid && SetSystemRegisters(start, cr3, kCr4 | features.cr4, kEfer)) &&
      !SetSystemRegisters(start, cr3, kCr4, kEfer) &&
      !SetSystemRegisters(start, cr3, kCr4, kEfer | kEferSce)) {
    return false;
  }
  if (cpuid && features.xcr0 != 0) {
    kvm_xcrs xcrs = {};
    xcrs.nr_xcrs = 1;
    xcrs.xcrs[0].value = features.xcr0;
    // Without it the guest has SSE, which is all that it may count on.
    ioctl(fd_.get(), KVM_SET_XCRS, &xcrs);
  }
  if (start.index != 0) {
    kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
    ioctl(fd_.get(), KVM_SET_MP_STATE, &runnable);
  }
  kvm_regs registers = {};
  registers.rip = start.entry;
  registers.rsp = start.stack;
  registers.rdi = start.index;
  registers.rflags = 2;
  return ioctl(fd_.get(), KVM_SET_REGS, &registers) == 0;
}

VcpuExit KvmVcpu::Resume() {
  if (ioctl(fd_.get(), KVM_RUN, 0) != 0) {
    const int error = errno;
    std::atomic_ref(run_->immediate_exit).store(0);
    if (error == EINTR || error == EAGAIN) {
      return {.kind = VcpuExit::Kind::kInterrupted};
    }
    return {.kind = ran_ ? VcpuExit::Kind::kFault : VcpuExit::Kind::kUnusable,
            .detail = std::string("KVM_RUN: ") + std::strerror(error)};
  }
  return Classify();
}

VcpuExit KvmVcpu::Classify() {
  const bool first = !ran_;
  ran_ = true;
  switch (run_->exit_reason) {
    case KVM_EXIT_MMIO: {
      if (run_->mmio.phys_addr != kDoorbellPhysical ||
          run_->mmio.is_write == 0 || run_->mmio.len != 4) {
        return {.kind = VcpuExit::Kind::kFault,
                .detail = "access to the doorbell page that is no doorbell"};
      }
      uint32_t value = 0;
      std::memcpy(&value, run_->mmio.data, sizeof value);
      return {.kind = VcpuExit::Kind::kDoorbell, .doorbell = value};
    }
    case KVM_EXIT_INTR:
      return {.kind = VcpuExit::Kind::kInterrupted};
    case KVM_EXIT_FAIL_ENTRY:
      return {
          .kind = first ? VcpuExit::Kind::kUnusable : VcpuExit::Kind::kFault,
          .detail = "KVM does not enter the guest"};
    case KVM_EXIT_SHUTDOWN:
      return {.kind = VcpuExit::Kind::kFault, .detail = "fault in the guest"};
    default:
      return {.kind = VcpuExit::Kind::kFault,
              .detail = "unexpected exit " + std::to_string(run_->exit_reason) +
                        " of the guest"};
  }
}

void KvmVcpu::Interrupt() {
  if (gettid() == thread_) {
    return;  // it is not in KVM_RUN, and looks around before it is
  }
  // Ends also a KVM_RUN that has not begun, which a signal alone would miss.
  std::atomic_ref(run_->immediate_exit).store(1);
  syscall(SYS_tgkill, getpid(), thread_, KickSignal());
}

class KvmJail final : public Jail {
 public:
  KvmJail() = default;
  bool SetUp(const GuestMemory& memory, std::string* error);
  std::unique_ptr<Vcpu> NewVcpu(const VcpuStart& start,
                                std::string* error) override;
  abi::Jail kind() const override { return abi::Jail::kKvm; }
  bool guest_runs_beside() const override { return false; }

 private:
  void FindFeatures();

  Descriptor kvm_;
  Descriptor vm_;
  int run_bytes_ = 0;
  uint64_t cr3_ = 0;
  Features features_;
};

void KvmJail::FindFeatures() {
  Cpuid& cpuid = features_.cpuid;
  cpuid.count = sizeof cpuid.entries / sizeof cpuid.entries[0];
  features_.have_cpuid = ioctl(kvm_.get(), kGetSupportedCpuid, &cpuid) == 0;
  if (!features_.have_cpuid) {
    return;
  }
  for (uint32_t i = 0; i < cpuid.count; ++i) {
    const kvm_cpuid_entry2& leaf = cpuid.entries[i];
    // SDM volume 2, CPUID: leaf 1 ECX 26 XSAVE; leaf 7 EBX 7 SMEP, ECX 2 UMIP;
    // leaf 0xd EAX the bits of XCR0.
    if (leaf.function == 1 && (leaf.ecx & 1 << 26) != 0) {
      features_.cr4 |= kCr4OsXsave;
    } else if (leaf.function == 7 && leaf.index == 0) {
      features_.cr4 |= (leaf.ebx & 1 << 7) != 0 ? kCr4Smep : 0;
      features_.cr4 |= (leaf.ecx & 1 << 2) != 0 ? kCr4Umip : 0;
    } else if (leaf.function == 0xd && leaf.index == 0) {
      const uint64_t all = kXcr0Avx | kXcr0Avx512;
      features_.xcr0 = (leaf.eax & all) == all             ? all
                       : (leaf.eax & kXcr0Avx) == kXcr0Avx ? kXcr0Avx
                                                           : 0;
    }
  }
  if ((features_.cr4 & kCr4OsXsave) == 0) {
    features_.xcr0 = 0;
  }
}

bool KvmJail::SetUp(const GuestMemory& memory, std::string* error) {
  const auto fail = [error](const char* what) {
    *error = std::string(what) + ": " + std::strerror(errno);
    return false;
  };
  kvm_.Take(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (kvm_.get() < 0) {
    return fail("/dev/kvm");
  }
  vm_.Take(ioctl(kvm_.get(), KVM_CREATE_VM, 0));
  if (vm_.get() < 0) {
    return fail("KVM_CREATE_VM");
  }
  cr3_ = BuildPageTables(memory);
  kvm_userspace_memory_region slot = {};
  slot.memory_size = memory.size();
  slot.userspace_addr = reinterpret_cast<uint64_t>(memory.at(0));
  if (ioctl(vm_.get(), KVM_SET_USER_MEMORY_REGION, &slot) != 0) {
    return fail("KVM_SET_USER_MEMORY_REGION");
  }
  run_bytes_ = ioctl(kvm_.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (run_bytes_ < static_cast<int>(sizeof(kvm_run))) {
    return fail("KVM_GET_VCPU_MMAP_SIZE");
  }
  FindFeatures();
  return true;
}

std::unique_ptr<Vcpu> KvmJail::NewVcpu(const VcpuStart& start,
                                       std::string* error) {
  const int fd = ioctl(vm_.get(), KVM_CREATE_VCPU, uint64_t{start.index});
  if (fd < 0) {
    *error = std::string("KVM_CREATE_VCPU: ") + std::strerror(errno);
    return nullptr;
  }
  const size_t bytes = static_cast<size_t>(run_bytes_);
  void* run = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (run == MAP_FAILED) {
    *error = std::string("mmap of a vCPU: ") + std::strerror(errno);
    close(fd);
    return nullptr;
  }
  auto vcpu = std::make_unique<KvmVcpu>(fd, static_cast<kvm_run*>(run), bytes);
  if (!vcpu->SetUp(start, cr3_, features_)) {
    *error = std::string("registers of a vCPU: ") + std::strerror(errno);
    return nullptr;
  }
  return vcpu;
}

}  // namespace

std::unique_ptr<Jail> NewKvmJail(const GuestMemory& memory,
                                 std::string* error) {
  auto jail = std::make_unique<KvmJail>();
  if (!jail->SetUp(memory, error)) {
    return nullptr;
  }
  return jail;
}

}  // namespace instar::vmm
