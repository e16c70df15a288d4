#include "tests/faults/call_log.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <fstream>
#include <vector>

namespace instar::faults {
namespace {

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kWrite:
      return "write";
    case Kind::kResize:
      return "resize";
    case Kind::kAllocate:
      return "allocate";
    case Kind::kCopy:
      return "copy";
    case Kind::kFlush:
      break;
  }
  return "flush";
}

std::string Escaped(const std::string& text) {
  constexpr unsigned char kSpace = ' ';
  std::string out;
  for (const char c : text) {
    char code[8];
    if (static_cast<unsigned char>(c) < kSpace || c == '"' || c == '\\') {
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      out += code;
    } else {
      out += c;
    }
  }
  return out;
}

std::string BytesAt(pid_t tid, uint64_t address, uint64_t length) {
  std::string bytes(length, '\0');
  const iovec local = {bytes.data(), bytes.size()};
  iovec remote = {nullptr, bytes.size()};
  __builtin_memcpy(&remote.iov_base, &address, sizeof address);
  const ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);
  bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

std::string BytesOf(pid_t tid, const FileCall& call) {
  if (!call.is_vector) {
    return BytesAt(tid, call.buffer, call.length);
  }
  std::string bytes;
  uint64_t at = call.buffer;
  while (bytes.size() < call.length) {
    iovec vector = {};
    const std::string raw = BytesAt(tid, at, sizeof vector);
    if (raw.size() != sizeof vector) {
      break;
    }
    __builtin_memcpy(&vector, raw.data(), sizeof vector);
    uint64_t address = 0;
    __builtin_memcpy(&address, &vector.iov_base, sizeof address);
    bytes += BytesAt(tid, address, vector.iov_len);
    at += sizeof vector;
  }
  return bytes;
}

// What a copy between files left at its destination.
std::string BytesOfFile(const std::string& path, uint64_t offset,
                        uint64_t length) {
  std::string bytes(length, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), static_cast<std::streamsize>(length));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

}  // namespace

CallLog::CallLog(const std::string& directory) {
  mkdir(directory.c_str(), 0700);
  calls_ = std::fopen((directory + "/calls").c_str(), "we");
  data_ = std::fopen((directory + "/data").c_str(), "we");
}

CallLog::~CallLog() {
  for (FILE* file : {calls_, data_}) {
    if (file != nullptr) {
      std::fclose(file);
    }
  }
}

void CallLog::Begin(pid_t tid, const FileCall& call, const std::string& path) {
  begun_[tid] = {call, path, moment_,
                 call.kind == Kind::kWrite ? BytesOf(tid, call) : ""};
  ++moment_;
}

void CallLog::End(pid_t tid, int64_t result) {
  const auto found = begun_.find(tid);
  if (found == begun_.end()) {
    return;
  }
  Begun& begun = found->second;
  const bool has_data =
      begun.call.kind == Kind::kWrite || begun.call.kind == Kind::kCopy;
  const auto moved = static_cast<uint64_t>(std::max<int64_t>(result, 0));
  if (begun.call.kind == Kind::kCopy) {
    begun.bytes = BytesOfFile(begun.path, begun.call.offset, moved);
  }
  const size_t length = std::min<uint64_t>(moved, begun.bytes.size());
  Write(begun, result, has_data ? data_bytes_ : -1);
  if (has_data) {
    std::fwrite(begun.bytes.data(), 1, length, data_);
    data_bytes_ += static_cast<int64_t>(length);
  }
  begun_.erase(found);
}

void CallLog::Write(const Begun& begun, int64_t result, int64_t data) {
  const FileCall& call = begun.call;
  std::fprintf(calls_,
               "{\"began\": %llu, \"ended\": %llu, \"call\": \"%s\", "
               "\"kind\": \"%s\", \"file\": \"%s\", \"offset\": %llu, "
               "\"length\": %llu, \"mode\": %llu, \"result\": %lld, "
               "\"data\": %lld}\n",
               static_cast<unsigned long long>(begun.began),
               static_cast<unsigned long long>(moment_), call.name,
               KindName(call.kind), Escaped(begun.path).c_str(),
               static_cast<unsigned long long>(call.offset),
               static_cast<unsigned long long>(call.length),
               static_cast<unsigned long long>(call.mode),
               static_cast<long long>(result), static_cast<long long>(data));
  ++moment_;
}

}  // namespace instar::faults
