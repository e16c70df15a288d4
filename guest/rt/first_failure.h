// Why a run of many pieces ends early. Pieces are on their way at once and fail
// in any order in time; what is told is the failure of the first piece, so that
// the same command on the same files always ends the same. The pieces before it
// still go all their way; those behind it stop.
#pragma once

#include <cstdint>
#include <limits>

#include "guest/rt/findings.h"
#include "lib/base/checked.h"

namespace instar::guest {

class FirstFailure {
 public:
  void Note(uint64_t piece, const Error& error, const FailurePlace& place) {
    if (piece < piece_) {
      piece_ = piece;
      error_ = error;
      place_ = place;
    }
  }

  bool is_set() const { return piece_ != kNone; }
  bool GoesOn(uint64_t piece) const { return piece < piece_; }
  // How many of the first `count` pieces go on.
  uint64_t Bound(uint64_t count) const { return Min(count, piece_); }

  // Tells it, where there is one. Whether there is none.
  bool Report() const {
    if (is_set()) {
      ReportFailure(error_, place_);
    }
    return !is_set();
  }

 private:
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();

  uint64_t piece_ = kNone;
  Error error_;
  FailurePlace place_;
};

}  // namespace instar::guest
