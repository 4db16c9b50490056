"""``python -m offhook``."""

from offhook.cli import main

main()
