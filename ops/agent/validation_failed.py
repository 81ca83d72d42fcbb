"""The error of a validation: what would be live does not work."""


class ValidationFailed(Exception):
    """The new files are at fault; `evidence` is what the tools said, the reason last."""

    def __init__(self, evidence: str) -> None:
        super().__init__(evidence)
        self.evidence = evidence
