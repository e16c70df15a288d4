"""Counting what passed, in the one form that tests/run adds up.

Every part of the test suite ends with a line `N passed, N failed, N skipped`
and exits with status 1 if anything failed.
"""
import re
import sys
import threading

LAST_LINE = re.compile(r"(?m)^(\d+) passed, (\d+) failed, (\d+) skipped$")
MAX_LINES = 40
MAX_COLUMNS = 200


class Tally:
    """What passed, failed and was skipped so far; any thread may add to it."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self._lock = threading.Lock()

    def ok(self, count=1):
        with self._lock:
            self.passed += count

    def fail(self, name, detail=""):
        """Counts a failure and prints it at once."""
        with self._lock:
            self.failed += 1
            print(f"FAILED {name}")
            lines = detail.splitlines()
            for line in lines[:MAX_LINES]:
                print(f"    {line[:MAX_COLUMNS]}")
            if len(lines) > MAX_LINES:
                print(f"    … {len(lines) - MAX_LINES} more lines")
            sys.stdout.flush()

    def skip(self, name, reason, count=1):
        with self._lock:
            self.skipped += count
            print(f"SKIPPED {name}: {reason}", flush=True)

    def add(self, passed, failed, skipped):
        with self._lock:
            self.passed += passed
            self.failed += failed
            self.skipped += skipped

    def finish(self):
        """Prints the last line and returns the exit status."""
        print(f"{self.passed} passed, {self.failed} failed, "
              f"{self.skipped} skipped", flush=True)
        return 1 if self.failed else 0
