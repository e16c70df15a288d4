// Writes the seeds of the conformance tests as the corpus that fuzzing starts
// from: FOLDER/<format>/<seed>, each behind a byte of options.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/support/seeds/seeds.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_seeds FOLDER\n", stderr);
    return 2;
  }
  for (const instar::fakes::Seed& seed : instar::fakes::AllSeeds()) {
    const auto folder = std::filesystem::path(argv[1]) / seed.format;
    std::filesystem::create_directories(folder);
    std::ofstream out(folder / seed.name, std::ios::binary);
    out.put(0);
    for (const uint8_t byte : seed.bytes) {
      out.put(static_cast<char>(byte));
    }
    if (!out) {
      return 1;
    }
  }
  return 0;
}
