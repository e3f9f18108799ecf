"""Celery's door to generation."""

from __future__ import annotations

from celery import shared_task

from generation import services


@shared_task(ignore_result=True)
def sweep_answers() -> None:
    """End answers whose process died, and remove what is past its time."""
    services.interrupt_lapsed()
    services.purge()
