// A file of the host without a name, in memory: what stands for stdin or
// stdout where a guest needs a file.
#pragma once

#include <cstdint>
#include <string>

namespace instar::cmd {

class MemoryFile {
 public:
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // What opens it again, as long as the object lives.
  std::string path() const;

  // Empties it, then takes over up to `bytes` from `descriptor`. Returns how
  // many there were before its end, or a negative errno.
  int64_t Fill(int descriptor, uint64_t bytes) const;
  // Writes the first `bytes` to `descriptor`. Returns 0 or a negative errno.
  int Drain(int descriptor, uint64_t bytes) const;

 private:
  int descriptor_ = -1;
};

}  // namespace instar::cmd
