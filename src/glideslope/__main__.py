"""`python -m glideslope` is the command `glideslope`."""

from glideslope.cli import main

if __name__ == "__main__":
    main()
