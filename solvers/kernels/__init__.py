"""Compiled searches on int64 (numba): each module is imported when a method first needs it."""
