"""The colours of what is good, of warnings and of errors, as rich names them; BOLD_ where the eye has to find it."""

OK, WARNING, ERROR = "green", "yellow", "red"
BOLD_WARNING, BOLD_ERROR = f"bold {WARNING}", f"bold {ERROR}"
