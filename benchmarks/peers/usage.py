"""Run a command and say what it used: ``python usage.py REPORT.json SECONDS COMMAND...``.

A process of its own, with the standard library alone: a child counts the memory of the process
that starts it, so that one must be small.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

report, limit, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
code: int | None = None
start = time.perf_counter()
try:
    code = subprocess.run(command, timeout=limit).returncode
except subprocess.TimeoutExpired:
    pass
seconds = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
report.write_text(
    json.dumps(
        {
            "code": code,
            "seconds": seconds,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "peak_mb": used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024),
        }
    )
)
