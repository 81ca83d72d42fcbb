"""The tasks: what an operator types after `fab`. Each is a list of steps; the work is in `ops/`."""
