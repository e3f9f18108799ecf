"""How fast the model server is: `manage.py benchmark generation`. No page needs it."""
