"""The process that ends a search which hangs where no exception reaches it; run as a script, it imports no package.

Its argument is the search's process. Lines on standard input say, by their first character: "=" and the seconds from
now after which the search is ended, 0 for never; "@" and what it does; "!" and what else to say.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time


def main() -> None:
    """Waits until there is no more input, or the time is over."""
    search, end, held = int(sys.argv[1]), float("inf"), b""
    said = {b"@": b"the job", b"!": b"it took too long"}
    while (left := end - time.monotonic()) > 0:
        if not select.select([0], [], [], None if left == float("inf") else left)[0]:
            break
        data = os.read(0, 1 << 16)
        if not data:
            return
        *whole, held = (held + data).split(b"\n")
        for line in whole:
            if line[:1] == b"=":
                seconds = float(line[1:])
                end = time.monotonic() + seconds if seconds else float("inf")
            else:
                said[line[:1]] = line[1:]
    if os.getppid() == search:  # else it has ended, and another may have its number
        shown = b"\x1b[?25h" if os.isatty(2) else b""  # the cursor, which progress hides
        os.write(2, shown + b"glideslope: %b failed: %b\n" % (said[b"@"], said[b"!"]))
        os.kill(search, signal.SIGKILL)


if __name__ == "__main__":
    main()
