"""Programs: graphs that walk contacts through steps, moved in sets."""
