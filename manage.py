#!/usr/bin/env python3
"""Django's entry point; starts the embedded services when none are configured."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rag_site.settings")
    from rag_site.local_run import prepared

    with prepared():
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
