// The image that a command changes in place: what the host needs to know of it
// beforehand.
#pragma once

#include <string>

#include "cmd/command.h"
#include "cmd/source.h"
#include "gen/guest.pb.h"
#include "vmm/files.h"

namespace instar::cmd {

// How the host opens `image` for writing when the guest asks for it, with
// `cache` as -t says; its data file, where there is one, is not among it.
vmm::Outputs OutputsFor(const ImageSource& image, vmm::CacheMode cache);

// The file that holds the data of a qcow2 image, as the image names it; empty
// where there is none, or the image cannot be opened. A guest that sees nothing
// else looks for it.
std::string FindDataFile(const Environment& environment,
                         const ImageSource& image);

// qemu-img's warning where an image that is written was guessed to be raw.
void WarnOfGuessedRaw(const ImageSource& image, const proto::ImageFacts& facts);

}  // namespace instar::cmd
