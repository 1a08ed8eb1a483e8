"""Stands for Snakemake with a job: starts a sleeper, writes both pids to a file, waits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as sleeper:
        written = Path(sys.argv[1] + ".partial")
        written.write_text(f"{os.getpid()} {sleeper.pid}", encoding="utf-8")
        written.rename(sys.argv[1])
        sleeper.wait()
