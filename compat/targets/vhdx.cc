#include "compat/targets/targets.h"

namespace instar::compat {
namespace {

constexpr uint64_t kMib = 1 << 20;
constexpr uint64_t kMaxDiskBytes = uint64_t{64} << 40;

// Whole MiBs, as qemu-img rounds sizes up; what wraps is 0.
uint64_t InMibs(uint64_t bytes) {
  return (bytes + kMib - 1) / kMib * kMib;
}

}  // namespace

void ReadVhdx(const CreateOptions& options, const Profile& profile,
              TargetOptions& out) {
  CheckFilePreallocation(options, out);
  ReadSubformat(options, profile, out);
  out.format_checks_size = true;
  proto::BlockOptions& block = *out.target.mutable_block();
  block.set_block_size(InMibs(options.Number("block_size").value_or(0)));
  block.set_log_size(InMibs(options.Number("log_size").value_or(kMib)));
  block.set_no_block_state_zero(
      !options.Bool("block_state_zero").value_or(true));
  block.set_creator("QEMU v" + ToString(profile.version));
  // The guest tells first of a disk that is too large.
  const bool is_too_large = options.Number("size").value_or(0) > kMaxDiskBytes;
  if (block.log_size() == 0 && !is_too_large)
    SetLateError("Log size must be a multiple of 1 MB", out);
}

}  // namespace instar::compat
