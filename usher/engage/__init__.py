"""The engine: contacts, lists, campaigns, programs and delivery, spoken to in Dotdigital's API."""
