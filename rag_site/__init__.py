"""Composition root: wires the stages, decides nothing."""

from .celery import app as celery_app

__all__ = ["celery_app"]
