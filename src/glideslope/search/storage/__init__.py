"""What a search keeps in files: states, records, and the lock on a folder."""
