#!/usr/bin/env -S python3 -B
"""Measures the program against the real qemu-img on the same files.

The two run in turns, so that whatever else the machine does hits both alike.
For each job: wall time and peak resident memory (of the largest process), the
ratio of the medians, and the least and greatest ratio of a pair. Prints a
table and writes build/bench.json.

  bench.py [--bin PROGRAM] [--jail JAIL]... [--pairs N] [JOB...]
"""
import argparse
import dataclasses
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
import program as programs
from bench import workload

BUILD = programs.ROOT / "build"
PROBE = BUILD / "probe"  # measures what a jail costs
GUESTS = BUILD / "probe_guests"
TMPFS = pathlib.Path("/dev/shm")
# Jobs that are also run on one CPU.
SCALED = ("zlib-to-raw", "pack-zlib", "pack-zstd-fastest")


@dataclasses.dataclass
class Job:
    name: str
    args: list
    pairs: int
    targets: dict  # jail: the greatest ratio of wall times that is wanted
    peak_target: float = None  # the same of peak memory; None: not asked for
    peak_mib: float = 256  # of peak memory, whatever qemu-img's
    reference_args: list = None  # of qemu-img, where it is given others
    start: pathlib.Path = None  # OUT is a copy of it before each run


def fastest(name, source, target, file):
    """A conversion against qemu-img with its fastest flags."""
    call = ["-f", source, "-O", target, file, "OUT"]
    return Job(f"{name}-fastest", ["convert", *call], 3,
               {"kvm": 1.0, "process": 1.0},
               reference_args=["convert", "-W", "-m", "16", *call])


def jobs(files):
    both = {"kvm": 1.0, "process": 1.0}
    half = {"kvm": 0.5, "process": 0.5}
    return [
        Job("info", ["info", files.small], 60, {"kvm": 0.8, "process": 0.5}),
        Job("raw-to-qcow2", ["convert", "-f", "raw", "-O", "qcow2",
                             files.raw, "OUT"], 9, both),
        Job("qcow2-to-raw", ["convert", "-f", "qcow2", "-O", "raw",
                             files.qcow2, "OUT"], 9, both),
        Job("zlib-to-raw", ["convert", "-f", "qcow2", "-O", "raw",
                            files.zlib, "OUT"], 9,
            {"kvm": 0.6, "process": 0.6}),
        Job("pack-zlib", ["convert", "-c", "-f", "raw", "-O", "qcow2",
                          files.raw, "OUT"], 3, {"kvm": 0.45, "process": 0.45}),
        Job("pack-zlib-fastest", ["convert", "-c", "-f", "raw", "-O", "qcow2",
                                  files.raw, "OUT"], 3,
            {"kvm": 0.7, "process": 0.7},
            reference_args=["convert", "-c", "-W", "-m", "16", "-f", "raw",
                            "-O", "qcow2", files.raw, "OUT"]),
        Job("pack-zstd-fastest", ["convert", "-c", "-f", "raw", "-O", "qcow2",
                                  "-o", "compression_type=zstd", files.raw,
                                  "OUT"], 3, both,
            reference_args=["convert", "-c", "-W", "-m", "16", "-f", "raw",
                            "-O", "qcow2", "-o", "compression_type=zstd",
                            files.raw, "OUT"]),
        Job("qcow2-to-vhdx", ["convert", "-f", "qcow2", "-O", "vhdx",
                              files.qcow2, "OUT"], 5, both),
        Job("qcow2-to-vmdk", ["convert", "-f", "qcow2", "-O", "vmdk",
                              files.qcow2, "OUT"], 7,
            {"kvm": 0.4, "process": 0.4}),
        fastest("raw-to-qcow2", "raw", "qcow2", files.raw),
        fastest("qcow2-to-vhdx", "qcow2", "vhdx", files.qcow2),
        fastest("qcow2-to-vmdk", "qcow2", "vmdk", files.qcow2),
        Job("resize", ["resize", "-q", "-f", "qcow2", "OUT", "+1T"], 40, both,
            start=files.large),
        Job("rebase", ["rebase", "-f", "qcow2", "-b", files.other, "-F", "raw",
                       "OUT"], 5, both, start=files.empty_overlay),
        Job("flatten", ["rebase", "-f", "qcow2", "-b", "", "OUT"], 5, both,
            start=files.empty_overlay),
        Job("commit", ["commit", "-q", "-f", "qcow2", "OUT"], 5, both,
            start=files.overlay),
        Job("create", ["create", "-q", "-f", "qcow2", "OUT", "1T"], 40,
            {"kvm": 0.8, "process": 0.8}),
        Job("check", ["check", "-f", "qcow2", files.scattered], 3, half, 1.0),
        Job("map", ["map", "--output=json", "-f", "qcow2", files.scattered],
            3, half, 1.0),
        Job("compare", ["compare", "-f", "raw", "-F", "qcow2", files.raw,
                        files.qcow2], 9, both, 1.0),
        Job("measure-raw", ["measure", "-f", "raw", "-O", "qcow2", files.raw],
            9, both, 1.0),
        Job("measure-qcow2", ["measure", "-f", "qcow2", "-O", "qcow2",
                              files.scattered], 5, both, 1.0),
        # Not the scattered one, which takes qemu-img nine minutes.
        Job("snapshot-create", ["snapshot", "-c", "s", "OUT"], 3, both,
            start=files.allocated),
        Job("snapshot-delete", ["snapshot", "-d", "s", "OUT"], 3, both,
            start=files.snapshotted),
    ]


class Bench:
    def __init__(self, program, out):
        self.program = str(program)
        self.out = out

    def once(self, program, job, jail, cpus=None):
        """Wall seconds and peak KiB of one run, on those CPUs; nothing of a
        run before it is left to be written back."""
        self.out.unlink(missing_ok=True)
        if job.start is not None:
            subprocess.run(["cp", "--sparse=always", job.start, self.out],
                           check=True)
        os.sync()
        args = job.args
        if program == programs.REFERENCE and job.reference_args:
            args = job.reference_args
        argv = ["qemu-img"] + [str(self.out) if a == "OUT" else str(a)
                               for a in args]
        end = subprocess.run([programs.MEASURE, program, *argv],
                             env=programs.environment("/", INSTAR_JAIL=jail),
                             stdin=subprocess.DEVNULL, capture_output=True,
                             check=False, preexec_fn=None if cpus is None else
                             lambda: os.sched_setaffinity(0, cpus))
        error = end.stderr.decode(errors="replace")
        if end.returncode or error:
            raise RuntimeError(f"{program} {' '.join(argv[1:])}: "
                               f"{end.returncode}: {error.strip()}")
        seconds, peak = end.stdout.split()[-2:]
        return float(seconds), int(peak)

    def measure(self, job, jail, pairs):
        for program in (programs.REFERENCE, self.program):
            self.once(program, job, jail)
        theirs, ours = [], []
        for i in range(pairs):
            order = [(programs.REFERENCE, theirs), (self.program, ours)]
            for program, into in order if i % 2 else reversed(order):
                into.append(self.once(program, job, jail))
        self.out.unlink(missing_ok=True)
        ratios = [o[0] / t[0] for o, t in zip(ours, theirs)]

        def median(runs, field):
            return statistics.median(r[field] for r in runs)

        target = job.targets[jail]
        ratio = median(ours, 0) / median(theirs, 0)
        peak_ratio = median(ours, 1) / median(theirs, 1)
        return {
            "job": job.name, "jail": jail, "pairs": pairs,
            "qemu_img_seconds": median(theirs, 0),
            "instar_seconds": median(ours, 0), "ratio": ratio,
            "least_ratio": min(ratios), "greatest_ratio": max(ratios),
            "qemu_img_peak_kib": median(theirs, 1),
            "instar_peak_kib": median(ours, 1),
            "target": target, "met": ratio <= target,
            "peak_target": job.peak_target,
            "peak_met": peak_ratio <= (job.peak_target or math.inf)
                        and median(ours, 1) <= job.peak_mib * 1024,
        }

    def scaling(self, job, jail, pairs):
        """Median seconds on one CPU and on all of them, which are as many
        workers."""
        every = os.sched_getaffinity(0)
        one, more = [], []
        for _ in range(pairs):
            one.append(self.once(self.program, job, jail, {min(every)})[0])
            more.append(self.once(self.program, job, jail, every)[0])
        one, more = statistics.median(one), statistics.median(more)
        return {"job": job.name, "jail": jail, "workers": len(every),
                "one_seconds": one, "all_seconds": more, "gain": one / more}


def probe(file):
    """What a jail costs: the lines `name: value` that the probe prints."""
    out = subprocess.run([PROBE, GUESTS, file], capture_output=True, text=True,
                         timeout=300, check=True).stdout
    return dict(re.findall(r"(?m)^([^:\n]+): *(.+)$", out))


HEADER = ("| job | jail | qemu-img ms | instar ms | ratio | least–greatest "
          "| peak MiB (qemu-img) | target | |\n"
          "| --- | --- | ---: | ---: | ---: | --- | --- | ---: | --- |")


def verdict(r):
    if not r["met"]:
        return "NOT met"
    return "met" if r["peak_met"] else "peak NOT met"


def row(r):
    return (f"| {r['job']} | {r['jail']} "
            f"| {r['qemu_img_seconds'] * 1000:.1f} "
            f"| {r['instar_seconds'] * 1000:.1f} | {r['ratio']:.2f} "
            f"| {r['least_ratio']:.2f}–{r['greatest_ratio']:.2f} "
            f"| {r['instar_peak_kib'] / 1024:.1f} "
            f"({r['qemu_img_peak_kib'] / 1024:.1f}) | {r['target']:.1f} "
            f"| {verdict(r)} |")


def compare_all(bench, chosen, pairs):
    print(HEADER)
    results = []
    for job, jail in chosen:
        results.append(bench.measure(job, jail, pairs or job.pairs))
        print(row(results[-1]), flush=True)
    return results


def scale_all(bench, chosen, pairs):
    results = []
    for job, jail in chosen:
        if job.name in SCALED:
            results.append(bench.scaling(job, jail, pairs or job.pairs))
            print("\n{job}, {jail}: {gain:.2f} times as fast with {workers} "
                  "workers as with 1".format(**results[-1]), flush=True)
    return results


def main():
    p = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("jobs", nargs="*", metavar="JOB")
    p.add_argument("--bin", default=programs.PROGRAM, type=pathlib.Path)
    p.add_argument("--jail", action="append", choices=programs.JAILS)
    p.add_argument("--pairs", type=int, help="for every job")
    p.add_argument("--memory", action="store_true",
                   help="outputs on a tmpfs, without the disk's noise")
    args = p.parse_args()
    files = workload.Workload(BUILD / "bench")
    files.warm()
    jails = [j for j in args.jail or programs.JAILS
             if j != "kvm" or not programs.why_no_kvm()]
    chosen = [(job, jail) for job in jobs(files) for jail in jails
              if not args.jobs or job.name in args.jobs]
    with tempfile.TemporaryDirectory(
            prefix="bench-", dir=TMPFS if args.memory else BUILD) as scratch:
        bench = Bench(args.bin.resolve(), pathlib.Path(scratch) / "out")
        results = compare_all(bench, chosen, args.pairs)
        scaled = scale_all(bench, chosen, args.pairs)
    measured = probe(files.small)
    for name, value in measured.items():
        print(f"\n{name}: {value}")
    if "kvm" not in jails and not args.jail:
        print(f"\nkvm was not measured: {programs.why_no_kvm()}")
    (BUILD / "bench.json").write_text(json.dumps(
        {"machine": platform.uname()._asdict(), "cpus": os.cpu_count(),
         "results": results, "scaling": scaled, "probe": measured},
        indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
