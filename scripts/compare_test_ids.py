"""Which tests went, came or became soak: python scripts/compare_test_ids.py BEFORE AFTER [BEFORE_SOAK AFTER_SOAK]

Each is what ``pytest --collect-only -q`` printed, the later two with ``-m soak``. A test is known by its function and
parameters: it may move to another file. Exits 1 where one went or became soak.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path


def ids(path: str) -> Counter[str]:
    """Function and parameters of every test that is listed, with how often it is there."""
    return Counter(line.split("::", 1)[1] for line in Path(path).read_text().splitlines() if "::" in line)


def report(title: str, found: Counter[str]) -> int:
    print(f"{title}: {found.total()}")
    for name, count in sorted(found.items()):
        print(f"  {name}" + (f" ({count} times)" if count > 1 else ""))
    return found.total()


def main(paths: list[str]) -> int:
    if len(paths) not in (2, 4):
        print(__doc__, file=sys.stderr)
        return 2
    lists = [ids(path) for path in paths]
    before, after = lists[:2]
    print(f"before: {before.total()}, after: {after.total()}, new: {(after - before).total()}")
    bad = report("gone", before - after)
    if len(lists) == 4:
        bad += report("became soak", (lists[3] - lists[2]) & before)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
