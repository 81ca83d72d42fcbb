"""The root file systems under the lab's hosts."""
