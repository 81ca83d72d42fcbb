"""The Pythons of this machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def interpreters() -> list[str]:
    """Every Python 3 of this machine: by name, and those beside the one that runs the tests."""
    named = [found for minor in range(6, 30) if (found := shutil.which(f"python3.{minor}"))]
    beside = map(str, Path(sys.base_prefix).parent.glob("3.*/bin/python3"))
    real = {os.path.realpath(path) for path in [*named, *beside, sys.executable]}
    return sorted(path for path in real if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0)
