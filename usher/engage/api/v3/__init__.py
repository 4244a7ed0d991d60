"""Version 3: contacts by any identifier."""
