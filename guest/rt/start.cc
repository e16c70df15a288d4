// Where a vCPU begins (proto/abi.h, "Start-up registers"), and the header that
// the host checks before it runs the image.
#include "guest/rt/context.h"
#include "guest/rt/workers.h"
#include "lib/base/result.h"
#include "proto/abi.h"

namespace instar::guest {

extern "C" [[gnu::section(".image_header"),
             gnu::used]] const abi::ImageHeader kImageHeader = {
    abi::kImageMagic, abi::kVersion, 0};

extern "C" [[gnu::used]] [[noreturn]] void Start(uint64_t vcpu) {
  if (vcpu == 0) {
    RunMain();
  }
  RunWorker(vcpu);
}

}  // namespace instar::guest
