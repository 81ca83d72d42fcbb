"""The folder of this checkout."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
