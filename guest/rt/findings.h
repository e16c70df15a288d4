// Findings on their way to the host: encoded as proto.Finding, gathered in a
// frame, sent when the frame is full or on Flush.
#pragma once

#include <cstdint>

#include "gen/guest.npb.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/format/checker.h"
#include "lib/format/facts.h"
#include "lib/format/image.h"
#include "lib/format/measure.h"

namespace instar::guest {

// Where in the operation something failed: proto.Stage and the file concerned.
struct FailurePlace {
  instar_proto_Stage stage = instar_proto_Stage_STAGE_OPEN;
  uint32_t slot = 0;
  uint64_t position = 0;  // guest-visible byte offset, where there is one
};

// Cuts the frame from `arena`. Before any other call.
void PrepareFindings(Arena& arena);

void ReportImage(const Image& image);
// The image's snapshots and bitmaps, each a finding.
Status ReportLists(Image& image);
void ReportFailure(const Error& error, FailurePlace place);
void ReportWarning(const Error& warning);
void ReportMeasurement(const Measurement& sizes);
void ReportPlan(uint64_t size, ByteView detected_format);
void ReportComparison(const instar_proto_CompareResult& result);
// A line of `check`, and what a check of `image` came to.
void ReportProblem(const Error& problem);
void ReportCheck(const CheckResult& result, const Image& image);
void ReportPanic(const char* what);

// Sends what is gathered. Findings reach the host in order; requests other
// than messages may overtake them without this.
void FlushFindings();

}  // namespace instar::guest
