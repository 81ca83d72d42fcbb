"""How many generated values a test takes: `make test-all` takes many times what `make test` does."""

import os

TIMES = 20 if os.environ.get("POMS_TEST_ALL") else 1
