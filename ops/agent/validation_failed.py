"""The error of a validation: what would be live does not work."""

from ops.agent.step_failed import StepFailed


class ValidationFailed(StepFailed):
    """The new files are at fault."""
