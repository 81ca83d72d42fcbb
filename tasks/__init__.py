"""The verbs: what an operator types after `fab`. Each reads as a list of steps; the nouns are in `ops/`."""
