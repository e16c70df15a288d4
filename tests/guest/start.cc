// The first bytes of every hostile guest, and where its vCPUs begin.
#include "tests/guest/hostile.h"

extern "C" [[gnu::section(".image_header"),
             gnu::used]] const instar::abi::ImageHeader kImageHeader = {
    instar::abi::kImageMagic, instar::abi::kVersion, 0};

extern "C" [[gnu::used]] void Start(uint64_t vcpu) {
  instar::hostile::Attack(vcpu);
}

// GCC makes calls of these two even from freestanding code.
extern "C" void* memcpy(void* to, const void* from, unsigned long n) {
  void* result = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
  return result;
}
extern "C" void* memset(void* to, int value, unsigned long n) {
  void* result = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
  return result;
}
