#include "compat/filename.h"

namespace instar::compat {
namespace {

constexpr std::string_view kProtocols[] = {
    "blkdebug", "blklogwrites", "blkverify",    "ftps",        "fat",
    "ftp",      "gluster",      "host_cdrom",   "host_device", "http",
    "https",    "iscsi",        "iser",         "json",        "nbd",
    "nbd+tcp",  "nbd+unix",     "nfs",          "null-aio",    "null-co",
    "nvme",     "quorum",       "rbd",          "replication", "ssh",
    "throttle", "gluster+tcp",  "gluster+unix",
};

}  // namespace

ImageName ParseImageName(std::string_view name) {
  const size_t at = name.find_first_of(":/");
  if (at == std::string_view::npos || name[at] != ':')
    return {NameKind::kPath, {}, name};
  const std::string_view protocol = name.substr(0, at);
  if (protocol == "file")
    return {NameKind::kPath, {}, name.substr(at + 1)};
  for (const std::string_view known : kProtocols)
    if (protocol == known)
      return {NameKind::kOtherProtocol, protocol, name};
  return {NameKind::kUnknownProtocol, protocol, name};
}

}  // namespace instar::compat
