"""How good answers are on judged questions: `manage.py evaluate`. No page needs it."""
