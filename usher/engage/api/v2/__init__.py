"""Version 2: address books, contacts by e-mail or id, imports, programs."""
