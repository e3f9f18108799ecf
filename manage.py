#!/usr/bin/env python3
"""Django's entry point; starts the embedded services when none are configured."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rag_site.settings")
    # As an exception, so that what was started here is stopped again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    from django.core.exceptions import ImproperlyConfigured

    from rag_site.embedded import ServiceFailed
    from rag_site.local_run import prepared

    try:
        with prepared():
            from django.core.management import execute_from_command_line

            execute_from_command_line(sys.argv)
            sys.stdout.flush()
    except (ImproperlyConfigured, ServiceFailed) as exc:
        sys.exit(str(exc))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # `text ... | head` has read enough
        # Python would complain of the unwritten rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


if __name__ == "__main__":
    main()
