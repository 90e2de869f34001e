"""``python -m crossbar``."""

from crossbar.cli import main

main()
