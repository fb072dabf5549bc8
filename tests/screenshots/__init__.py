"""Pictures of every widget, dialog and example, light and dark: ``python -m tests.screenshots [NAME...]``."""
