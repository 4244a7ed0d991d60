"""Bulk imports: a file is accepted, merged as one set, and reported on row by row."""
