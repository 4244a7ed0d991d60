"""What websites and apps report as it happens, and the triggers that answer (not built yet)."""
