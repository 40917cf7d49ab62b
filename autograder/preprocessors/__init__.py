"""nbgrader's steps that this course replaces, one a module; `nbgrader_config.py` puts them in place."""
