#include "lib/format/vhdx/structure.h"

#include "lib/format/vhdx/header.h"
#include "lib/format/vhdx/log.h"

namespace instar::vhdx {

Status OpenStructure(Arena& arena, File& file, bool replay_log,
                     Structure& structure) {
  const Header header = TRY(ReadHeader(file, arena));
  Log* log = TRY(OpenLog(arena, file, header, replay_log));
  structure.file = TRY(MetadataFile::Create(arena, file, log));
  TRY(structure.regions.Read(structure.file, arena, header));
  structure.parameters =
      TRY(ReadMetadata(structure.file, structure.regions.metadata().offset));
  structure.bat =
      TRY(Bat::Create(structure.regions.bat(), structure.parameters));
  return {};
}

}  // namespace instar::vhdx
