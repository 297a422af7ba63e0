"""`python -m backend.settings` prints the table for the docs, with `--example` it prints `deploy/env.example`."""

import os
import sys

from backend.settings.documents import example_file, settings_table

sys.stdout.write(example_file() if "--example" in sys.argv[1:] else settings_table())
sys.exit(os.EX_OK)
