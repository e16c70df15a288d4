#include "compat/bitmap_text.h"

#include "compat/fault_text.h"

namespace instar::compat {
namespace {

// A longer name does not reach the guest as a whole (proto/guest.options).
constexpr size_t kMaxNameBytes = 1024;

constexpr const char* kActions[] = {"add",     "remove", "clear",     "enable",
                                    "disable", "merge",  "remove-all"};

std::string ActionName(const BitmapCall& call, uint64_t position) {
  if (position >= call.actions.size())
    return "";
  const auto action = static_cast<uint8_t>(call.actions[position]);
  return action < std::size(kActions) ? kActions[action] : "";
}

std::string CopyText(const proto::Failure& failure) {
  const proto::Fault fault = failure.fault();
  if (fault == proto::FAULT_BITMAP_OLD_VERSION)
    return "Format driver 'qcow2' does not support bitmaps";
  if (fault == proto::FAULT_BITMAP_COPY_UNSUPPORTED ||
      fault == proto::FAULT_BITMAP_COPY_INCONSISTENT)
    return FaultText(failure);
  const char* verb = failure.position() == 0 ? "create" : "populate";
  return std::string("Failed to ") + verb + " bitmap " + failure.text() + ": " +
         FaultText(failure);
}

}  // namespace

std::string BitmapFailureText(const proto::Failure& failure,
                              const BitmapCall& call) {
  if (failure.stage() == proto::STAGE_BITMAP_COPY)
    return CopyText(failure);
  proto::Failure told = failure;
  if (told.text() == call.name.substr(0, kMaxNameBytes))
    told.set_text(call.name);
  return "Operation " + ActionName(call, failure.position()) + " on bitmap " +
         call.name + " failed: " + FaultText(told);
}

std::string NoBitmapActionText(const Profile& profile) {
  return std::string("Need at least one of --add, --remove, ") +
         (profile.bitmap_removes_all ? "--remove-all, " : "") +
         "--clear, --enable, --disable, or --merge";
}

}  // namespace instar::compat
