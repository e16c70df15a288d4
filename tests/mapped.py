"""What `map` says of an image, apart from where its bytes lie."""
import json


def runs(text):
    """The runs of equal kind in the JSON of `map`: their length, depth,
    whether they are data, and else whether they are zeroes. Which part of a
    data cluster is a hole of the file depends on what lay there before, and on
    what the file system has written back."""
    found = []
    for run in json.loads(text):
        kind = [run["depth"], run["data"], run["zero"] or run["data"]]
        if found and found[-1][1:] == kind:
            found[-1][0] += run["length"]
        else:
            found.append([run["length"], *kind])
    return found
