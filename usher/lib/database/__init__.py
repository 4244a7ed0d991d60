"""PostgreSQL as Django speaks it, with what a server of many small requests wants."""
