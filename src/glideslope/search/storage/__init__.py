"""The files of a search: states, records, and the lock on a folder."""
