#include "vmm/process_trampoline.h"

namespace instar::vmm {

static_assert(offsetof(TrampolineArguments, fx_state) == 64);

// System call numbers: munmap 11, arch_prctl 158, exit_group 231, seccomp 317.
// ARCH_SET_FS is 0x1002, SECCOMP_SET_MODE_FILTER 1.
asm(R"(
.pushsection .rodata.instar_trampoline, "a"
.balign 16
.globl instar_trampoline_begin, instar_trampoline_end
instar_trampoline_begin:
  mov %rdi, %rbx
  mov $65, %r12d
  xor %edi, %edi
  mov (%rbx), %rsi
  mov $11, %eax
  syscall
  test %rax, %rax
  jnz 1f
  mov $66, %r12d
  mov 8(%rbx), %rdi
  mov 16(%rbx), %rsi
  mov $11, %eax
  syscall
  test %rax, %rax
  jnz 1f
  mov $67, %r12d
  mov $0x1002, %edi
  mov 32(%rbx), %rsi
  mov $158, %eax
  syscall
  test %rax, %rax
  jnz 1f
  mov $68, %r12d
  mov $1, %edi
  xor %esi, %esi
  mov 24(%rbx), %rdx
  mov $317, %eax
  syscall
  test %rax, %rax
  jnz 1f
  mov 64(%rbx), %rax
  fxrstor64 (%rax)
  mov 40(%rbx), %rsp
  mov 56(%rbx), %rdi
  mov 48(%rbx), %r11
  xor %eax, %eax
  xor %ebx, %ebx
  xor %ecx, %ecx
  xor %edx, %edx
  xor %esi, %esi
  xor %ebp, %ebp
  xor %r8d, %r8d
  xor %r9d, %r9d
  xor %r10d, %r10d
  xor %r12d, %r12d
  xor %r13d, %r13d
  xor %r14d, %r14d
  xor %r15d, %r15d
  cld
  jmp *%r11
1:
  mov %r12d, %edi
  mov $231, %eax
  syscall
  ud2
instar_trampoline_end:
.popsection
)");

}  // namespace instar::vmm
