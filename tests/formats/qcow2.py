"""qcow2: what the random conversions use, and internal snapshots."""
import pathlib
import subprocess

import program as programs
from differential import images

FORMAT = "qcow2"


def fixed(_folder):
    """qemu-img creates all there is; tests/differential/headers.py damages
    them."""
    return []


def random_image(rng, folder):
    folder = pathlib.Path(folder)
    maker = images.Maker(f"formats/{rng.random()}", folder)
    while True:
        tops = [c.top for c in maker.make() if c.top.format == "qcow2"]
        if tops:
            break
        maker = images.Maker(f"formats/{rng.random()}", folder)
    path = folder / tops[0].name
    for i in range(rng.choice([0, 0, 1, 3])):
        call = ["qemu-img", "snapshot", "-c", f"snapshot {i}", str(path)]
        subprocess.run(call, executable=programs.REFERENCE, cwd=folder,
                       capture_output=True, check=False)
    if rng.random() < 0.2:
        subprocess.run(["qemu-img", "bitmap", "--add", str(path), "b0"],
                       executable=programs.REFERENCE, cwd=folder,
                       capture_output=True, check=False)
    (folder / images.NOISE).unlink(missing_ok=True)
    return path
