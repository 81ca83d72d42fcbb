"""The error of a step of the agent's: it could not be done."""


class StepFailed(Exception):
    """`evidence` is what the tools said, for the operator; the reason last."""

    def __init__(self, evidence: str) -> None:
        super().__init__(evidence)
        self.evidence = evidence
