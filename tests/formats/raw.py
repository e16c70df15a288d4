"""raw: files with and without holes, of lengths that are no whole sectors."""
import pathlib

from differential import images

FORMAT = "raw"


def fixed(folder):
    path = pathlib.Path(folder) / "empty"
    path.write_bytes(b"")
    yield "empty", path
    path = pathlib.Path(folder) / "hole-at-end"
    with open(path, "wb") as f:
        f.write(b"x" * 5000)
        f.truncate(1 << 20)
    yield "hole-at-end", path


def random_image(rng, folder):
    folder = pathlib.Path(folder)
    maker = images.Maker(f"formats/{rng.random()}", folder)
    layer = maker.raw("image.raw", rng.randint(1, 16 << 20), None)
    return folder / layer.name
