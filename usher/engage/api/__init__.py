"""The engine's API in Dotdigital's words, and the one operation of our own."""
