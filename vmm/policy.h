// What a name that stands in an image may open.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace instar::vmm {

// Whether qemu would take the text before the first colon as a protocol.
bool HasProtocol(std::string_view name);

// Whether `name` is "file:…", which means the rest of it.
bool HasFilePrefix(std::string_view name);
// `path` without it: the name for open(2).
std::string LiteralPath(const std::string& path);

// The directory part of `path` with its last slash; empty for a bare name.
std::string_view DirectoryOf(std::string_view path);

// Whether `name` is that of a file for a part of the image `image_path`, in the
// same folder: "disk-flat.vmdk", "disk-f001.vmdk" and "disk-s001.vmdk" are, of
// "disk.vmdk".
bool IsExtentName(std::string_view image_path, std::string_view name);

// Opens `path` with open(2)'s `flags`, but only beneath one of `directories`
// (no "..", no symlink that leads out). The descriptor or -errno; -EACCES
// where it lies elsewhere, or the kernel cannot tell.
int OpenBeneath(const std::vector<std::string>& directories,
                const std::string& path, int flags);

}  // namespace instar::vmm
