// The repair of an image that was not closed properly, which qemu-img makes
// when it opens one to write to it. A guest that changes images says so
// (FAULT_NEEDS_REPAIR); another one repairs, and the first runs again.
#pragma once

#include <optional>
#include <string>

#include "cmd/session.h"
#include "gen/guest.pb.h"

namespace instar::cmd {

// Room to make the refcounts of half a billion clusters anew; what is not
// needed is never touched.
inline constexpr uint64_t kRepairGuestBytes = 1 << 30;

std::span<const uint8_t> RepairGuest();

// The image that a guest with that configuration writes to, which it asks for
// as ROLE_TARGET; nothing where the image is not there yet.
std::optional<proto::Source> ChangedImageOf(const proto::Config& config);

// Repairs the image that `config`, of the command to come, changes. `session`,
// for that command, has been prepared. False: it could not be repaired, and
// what went wrong is told as the command's own failure.
bool RepairBeforeChange(const Environment& environment, vmm::Files& files,
                        const proto::Config& config, Session& session);

// Repairs the layer in the file `path`, which the host has let a guest write,
// and tells nothing of it. Its locks must have been given up. False: it could
// not be repaired, and `error` says why.
bool RepairLayer(const Environment& environment, const std::string& path,
                 vmm::CacheMode cache, compat::CommandKind command,
                 std::string& error);

}  // namespace instar::cmd
