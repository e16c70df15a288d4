// The calls of a Session that are not file calls: messages, references, other
// vCPUs.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vmm/messages.h"
#include "vmm/session.h"
#include "vmm/thread.h"

namespace instar::vmm {
namespace {

constexpr size_t kMaxNameBytes = 4096;  // PATH_MAX

bool IsOutput(int role) {
  return role == proto::ROLE_TARGET || role == proto::ROLE_TARGET_DATA ||
         role == proto::ROLE_TARGET_BACKING;
}

}  // namespace

std::optional<int64_t> Session::Answer(uint32_t index,
                                       const abi::Request& request) {
  switch (request.call) {
    case abi::Call::kOpenReference:
      return OpenReference(request);
    case abi::Call::kMessage:
    case abi::Call::kProgress:
      return TakeMessage(index, request);
    case abi::Call::kWake:
      Wake(static_cast<uint32_t>(request.offset));
      return 0;
    case abi::Call::kStart:
      return StartVcpu(static_cast<uint32_t>(request.offset));
    case abi::Call::kClaim: {
      const std::lock_guard lock(files_mutex_);
      return files_.Claim(request.slot, request.flags);
    }
    case abi::Call::kSlotInfo:
      return StoreSlotInfo(request.slot, request.buffer);
    case abi::Call::kRead:
    case abi::Call::kWrite:
    case abi::Call::kZero:
    case abi::Call::kDiscard:
    case abi::Call::kReserve:
    case abi::Call::kCopy:
    case abi::Call::kCompare:
    case abi::Call::kTruncate:
    case abi::Call::kFlush:
    case abi::Call::kExtents:
    case abi::Call::kDone:
      break;
  }
  return -ENOSYS;
}

int64_t Session::StoreSlotInfo(uint32_t slot, abi::GuestAddress buffer) {
  const abi::SlotInfo info = files_.info(slot);
  const auto out = memory_.Writable(buffer, sizeof info);
  std::memcpy(out->data(), &info, sizeof info);
  return 0;
}

int64_t Session::OpenReference(const abi::Request& request) {
  const auto reference =
      ParseReference(*memory_.Readable(request.buffer, request.length));
  if (!reference.has_value()) {
    Break("open: malformed reference");
    return -EINVAL;
  }
  if (!proto::Role_IsValid(reference->role())) {
    Break("open: unknown role");
    return -EINVAL;
  }
  if (!IsOutput(reference->role()) &&
      files_.entry(reference->slot()) == nullptr) {
    Break("open: bad slot");
    return -EINVAL;
  }
  if (reference->name().size() > kMaxNameBytes) {
    return -ENAMETOOLONG;
  }
  const std::lock_guard lock(files_mutex_);
  const int64_t slot =
      files_.OpenReference(reference->slot(), reference->role(),
                           reference->name(), reference->format());
  if (slot >= 0) {
    StoreSlotInfo(static_cast<uint32_t>(slot), request.buffer);
  }
  return slot;
}

int64_t Session::StartVcpu(uint32_t index) {
  VcpuState& vcpu = vcpus_[index];
  {
    const std::lock_guard lock(mutex_);
    if (!vcpu.started) {
      vcpu.started = StartThread(&vcpu.thread, ThreadMain, &arguments_[index]);
      return vcpu.started ? 0 : -EAGAIN;
    }
  }
  Break("start: of a vCPU that runs");
  return -EINVAL;
}

// Frames and progress are told on the thread that called Run.
std::optional<int64_t> Session::TakeMessage(uint32_t index,
                                            const abi::Request& request) {
  if (index == 0) {
    return Deliver(request);
  }
  const std::lock_guard lock(mutex_);
  if (request.call == abi::Call::kProgress) {
    progress_ = request;
  } else {
    messages_.push_back({index, request});
  }
  if (vcpus_[0].vcpu != nullptr) {
    vcpus_[0].vcpu->Interrupt();
  }
  vcpus_[0].wake.notify_one();
  return request.call == abi::Call::kProgress ? std::optional<int64_t>(0)
                                              : std::nullopt;
}

int64_t Session::Deliver(const abi::Request& request) {
  if (request.call == abi::Call::kProgress) {
    events_.OnProgress(request.offset, request.length);
    return 0;
  }
  findings_bytes_ += request.length;
  if (limits_.findings_bytes != 0 && findings_bytes_ > limits_.findings_bytes) {
    Break("message: too many findings");
    return -EINVAL;
  }
  const auto frame =
      ParseFrame(*memory_.Readable(request.buffer, request.length));
  if (!frame.has_value()) {
    Break("message: malformed frame");
    return -EINVAL;
  }
  for (const proto::Finding& finding : frame->findings()) {
    events_.OnFinding(finding);
  }
  return 0;
}

void Session::DeliverWaiting() {
  std::unique_lock lock(mutex_);
  while (!messages_.empty() || progress_.has_value()) {
    if (progress_.has_value()) {
      const abi::Request request = *progress_;
      progress_.reset();
      lock.unlock();
      Deliver(request);
    } else {
      const Message message = messages_.front();
      messages_.pop_front();
      lock.unlock();
      Complete(message.vcpu, message.request.tag, Deliver(message.request));
    }
    lock.lock();
  }
}

}  // namespace instar::vmm
