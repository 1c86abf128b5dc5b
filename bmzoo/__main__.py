"""``python -m bmzoo``."""

from bmzoo.cli.main import main

main()
